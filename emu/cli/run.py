"""`run` and `stat`: a machine, our kernel, a program; then its exit status, and the ledger.

It turns options into objects and an ending into a status. How they work, it does not know.
"""

from __future__ import annotations

import gc
import os
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from emu.cli.host_signals import HostSignals, ignored_by_parent
from emu.cli.lent_terminal import LentTerminal
from emu.cli.output import Output, say
from emu.errors import Interrupted, RingscopeError
from emu.hooks import Kernel as Answers
from emu.hooks import Watcher
from emu.machine import Machine
from emu.watch import report
from emu.watch.ledger import Ledger
from kernel_stub.abi.signals import NAMES
from kernel_stub.kernel import Kernel
from kernel_stub.launch import FIRST_PID, launch
from kernel_stub.scheduler import LINGER_NS
from kernel_stub.vfs import About, VfsOptions
from kernel_stub.vfs.options import DEFAULT_LIMIT

if TYPE_CHECKING:
    from emu.watch.detail import DetailedLedger

LIMIT_STATUS: Final = 124


def run(options: Namespace) -> int:
    """Runs the verb of `options`; returns the command's exit status. Raises RingscopeError."""
    if options.verb == "run":
        return execute(options).exit_status
    output = Output(options.output)
    try:
        result = execute(options)
    except BaseException:
        output.abandon()
        raise
    output.write(_report(options, result))
    return result.exit_status


def _report(options: Namespace, result: report.Result) -> str:
    if options.json:
        return report.as_json(result)
    if options.separator is not None:
        return report.as_csv(result, options.separator)
    return report.as_text(result)


class Observer(Protocol):
    """Whoever stands beside a run: who watches its machine, and who knows when it starts."""

    @property
    def watchers(self) -> Sequence[Watcher]: ...

    def started(self, kernel: Kernel, answers: Answers) -> None: ...


def boot(
    options: Namespace, watchers: Sequence[Watcher] = (), ledger: Ledger | None = None
) -> tuple[Machine, Kernel]:
    """A machine and our kernel on it, the program of `options` ready to run."""
    machine = Machine(
        options.memory,
        options.vendor,
        options.cpu,
        options.counter,
        watchers=watchers,
        ledger=ledger,
    )
    program = os.fsencode(options.program)
    argv = [program, *map(os.fsencode, options.arguments)]
    kernel = launch(
        machine,
        program,
        argv,
        environment(options),
        _files(options),
        options.seed,
        vdso=not options.no_vdso,
        vsyscall=options.vsyscall == "emulate",
        ignored=ignored_by_parent(),
    )
    kernel.clock.realtime = options.realtime
    return machine, kernel


def execute(options: Namespace, observer: Observer | None = None) -> report.Result:
    """Runs the program of `options` to its end; what is counted. Raises RingscopeError."""
    ledger = _ledger(options)
    machine, kernel = boot(options, observer.watchers if observer else (), ledger)
    answers: Answers = kernel
    if ledger is not None:
        from emu.cli.naming import NamingKernel

        answers = NamingKernel(kernel, ledger.named)
    if observer is not None:
        observer.started(kernel, answers)
    gc.freeze()  # all that was made so far stays to the end
    gc.enable()
    with HostSignals(machine, kernel) as signals, LentTerminal(kernel, signals):
        exhausted, failure = False, None
        try:
            exhausted = machine.run(options.max_instructions)
        except Interrupted:
            pass
        except RingscopeError as error:  # what ran so far was counted: the ledger tells it
            failure = error
    kernel.shut_down()
    if failure is not None:
        say(f"ringscope: {failure}\n")
        ended_by, status, signal = "error", failure.exit_status, 0
    else:
        ended_by, status, signal = ending(kernel, exhausted, signals.ended_by)
        tell_why(machine, kernel, ended_by, signal)
        tell_who_was_left(kernel)
    return _result(options, machine, kernel, ended_by, status, signal)


def _ledger(options: Namespace) -> DetailedLedger | None:
    """A ledger that keeps crossings apart, if the options ask for details."""
    if not getattr(options, "detailed", False):
        return None
    from emu.watch.detail import DetailedLedger

    return DetailedLedger()


def ending(kernel: Kernel, exhausted: bool, interrupt: int = 0) -> tuple[str, int, int]:
    """What ended the run, the exit status, the signal. `interrupt`: the signal that ended it."""
    ended = kernel.ended
    if ended is None:
        return ("limit", LIMIT_STATUS, 0) if exhausted else ("interrupt", 128 + interrupt, 0)
    if ended.signal:
        return "signal", 128 + ended.signal, ended.signal
    return "exit", ended.status, 0


def tell_why(machine: Machine, kernel: Kernel, ended_by: str, signal: int) -> None:
    """Why the program did not end by itself: one line, or two where the processor refused it.

    A signal that it sent itself needs no word.
    """
    if ended_by == "limit":
        total = machine.counter.user + machine.counter.kernel
        say(f"ringscope: stopped after {total:,} instructions, as --max-instructions says\n")
    elif kernel.exceptions.why:
        from emu.watch.cause import detail, headline

        say(f"ringscope: {NAMES.get(signal, signal)}: {headline(kernel.exceptions.why)}\n")
        say(f"ringscope: why: {detail(kernel.exceptions.why)}\n")
    elif kernel.exceptions.cause:
        say(f"ringscope: {NAMES.get(signal, signal)}: {kernel.exceptions.cause}\n")


def tell_who_was_left(kernel: Kernel) -> None:
    """A line for what still computed when the run was over."""
    tasks = [task for task in kernel.leaders() if not task.is_zombie]
    if kernel.scheduler.is_over and tasks:
        left = ", ".join(f"{task.pid} ({os.fsdecode(task.name)})" for task in tasks)
        say(
            f"ringscope: {FIRST_PID} had ended, and what it left behind was stopped after "
            f"{LINGER_NS // 10**9} more seconds of computing: {left}\n"
        )


def environment(options: Namespace) -> list[bytes]:
    """The guest's environment: the host's, less -U, or an empty one; then -E."""
    variables = {} if options.clear_env else dict(os.environb)
    for name in options.unset:
        variables.pop(os.fsencode(name), None)
    for setting in options.environment:
        name, _, value = os.fsencode(setting).partition(b"=")
        variables[name] = value
    return [name + b"=" + value for name, value in variables.items()]


def _files(options: Namespace) -> VfsOptions:
    return VfsOptions(
        about=About(kptr_restrict=options.kptr_restrict),
        root=os.fsencode(options.root) if options.root is not None else None,
        sysroot=os.fsencode(options.sysroot) if options.sysroot is not None else None,
        writable=tuple(map(os.fsencode, options.rw)),
        limit=options.disk or DEFAULT_LIMIT,
        reaches_out=options.net,
    )


def _result(
    options: Namespace, machine: Machine, kernel: Kernel, ended_by: str, status: int, signal: int
) -> report.Result:
    counter, ledger = machine.counter, machine.ledger
    calls, unknown = kernel.call_counts()
    return report.Result(
        command=" ".join([options.program, *options.arguments]),
        exit_status=status,
        signal=signal,
        signal_name=NAMES.get(signal, "") if signal else "",
        ended_by=ended_by,
        user=counter.user,
        entry=ledger.entry,
        exit=ledger.exit,
        total=counter.user + counter.kernel,
        nested_traps=ledger.nested,
        rows=ledger.rows(),
        syscalls=calls,
        unknown_syscalls=unknown,
        counter=counter.name,
        cause=kernel.exceptions.why,
        vendor=machine.processor.vendor.name,
        details=ledger.details(),
    )
