"""`ringscope trace`: a program's system calls in strace's form, or each of its crossings.

It turns options into a tracer and an ending into a line. How a call is written and how a program
is run, it does not know. strace(1).
"""

from __future__ import annotations

import argparse
import os
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from emu.cli.crossing_lines import FORMS, CrossingLines
from emu.cli.output import say
from emu.cli.run import environment, execute
from emu.cli.trace_filter import parse_filter
from emu.cli.tracer import Tracer, Wanted
from emu.errors import UsageError
from emu.hooks import Kernel as Answers
from emu.hooks import Watcher
from emu.watch.report import Result
from emu.x86.registers import RSP
from kernel_stub.kernel import Kernel

_RULE: Final = "-" * 8 + " " + "-" * 12 + " " + " ".join(["-" * 9] * 3) + " " + "-" * 16


def options(verb: argparse.ArgumentParser) -> None:
    """Adds what the verb takes to its parser, but for the machine, its files and the program."""
    verb.add_argument(
        "-e",
        metavar="SET",
        dest="calls",
        default="all",
        help="open,read or %%file; !SET: not these",
    )
    verb.add_argument("-c", "--summary-only", action="store_true", help="count instead")
    verb.add_argument("-o", metavar="FILE", dest="output", help="write to FILE")
    verb.add_argument(
        "-s", metavar="N", dest="string_size", type=int, default=32, help="bytes of strings [32]"
    )
    verb.add_argument("-f", "--follow-forks", action="store_true", help="children too")
    verb.add_argument("-n", "--syscall-number", action="store_true", help="numbers of the calls")
    verb.add_argument("-i", "--instruction-pointer", action="store_true", help="where from")
    verb.add_argument("-y", "--decode-fds", action="store_true", help="what descriptors are")
    verb.add_argument("--crossings", action="store_true", help="a line for each crossing instead")
    verb.add_argument(
        "--format", choices=FORMS, default=FORMS[0], help="of --crossings; qemu: as its -d int"
    )


class Observer:
    """Stands beside a run: what it shows comes from the tracer, or from the crossings' lines."""

    def __init__(self, options: Namespace) -> None:
        self._options = options
        self._output = TraceFile(options.output)
        self._wanted = Wanted(
            parse_filter(options.calls) if not options.summary_only else lambda name: False,
            options.string_size,
            options.decode_fds,
            options.syscall_number,
            options.instruction_pointer,
            options.follow_forks,
            options.output is not None,
            options.summary_only,
        )
        self._lines = CrossingLines(options.format, self.write)
        self.tracer: Tracer | None = None

    @property
    def watchers(self) -> Sequence[Watcher]:
        """Who is told of crossings."""
        return [self._lines] if self._options.crossings else []

    def started(self, kernel: Kernel, answers: Answers) -> None:
        """The program is loaded; its first instruction is next."""
        if self._options.crossings:
            self._lines.machine = kernel.machine
            return
        self.tracer = Tracer(kernel, self._wanted, self.write)
        task = kernel.task
        path = os.fsencode(self._options.program)
        if b"/" not in path:
            path = task.executable
        argv = [os.fsencode(w) for w in (self._options.program, *self._options.arguments)]
        state = kernel.machine.engine.state
        state.load()
        envp = state.words[RSP] + task.program_abi.word * (len(task.arguments) + 2)
        if not self._options.summary_only:
            self.tracer.started(path, argv, envp, len(environment(self._options)))

    def write(self, text: str) -> None:
        """Writes a line where it is wanted."""
        self._output.write(text)

    def abandon(self) -> None:
        """The program could not be run."""
        self._output.abandon()

    def ended(self, result: Result) -> None:
        """The run is over."""
        if self._options.summary_only and self.tracer is not None:
            self.write(summary(self.tracer.calls, result))
        self._output.close()


class TraceFile:
    """Where the lines go at once: stderr, or a file; what was written stays."""

    def __init__(self, path: str | None) -> None:
        self._descriptor = -1
        self._made = path if path is not None and not os.path.lexists(path) else None
        if path is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            try:
                self._descriptor = os.open(path, flags, 0o666)
            except OSError as error:
                reason = error.strerror or str(error)
                raise UsageError(f"cannot write {path}: {reason}; choose another -o") from None

    def write(self, text: str) -> None:
        """Writes `text`; a reader that went away does not matter."""
        if self._descriptor < 0:
            say(text)
        else:
            with suppress(OSError):
                os.write(self._descriptor, text.encode("utf-8", "surrogateescape"))

    def abandon(self) -> None:
        """Nothing was run: a file made for it does not stay behind."""
        self.close()
        if self._made is not None:
            os.unlink(self._made)

    def close(self) -> None:
        """Nothing more will be written."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def summary(calls: dict[str, list[int]], result: Result) -> str:
    """strace's table; in place of seconds, which nobody measured, instructions of the kernel."""
    spent: dict[str, int] = {}
    for detail in result.details or []:
        if detail.name in calls:
            more = detail.entry.total + detail.exit.total
            spent[detail.name] = spent.get(detail.name, 0) + more
    whole = sum(spent.values())
    lines = ["% kernel instructions  per call     calls    errors syscall", _RULE]
    for name, (count, failed) in sorted(calls.items(), key=lambda i: (-spent.get(i[0], 0), i[0])):
        own = spent.get(name, 0)
        share = 100 * own / whole if whole else 0.0
        errors = str(failed) if failed else ""
        lines.append(f"{share:8.2f} {own:12} {own // count:9} {count:9} {errors:>9} {name}")
    total = sum(count for count, _ in calls.values())
    failures = sum(failed for _, failed in calls.values())
    mean = whole // total if total else 0
    lines += [_RULE, f"{100.0:8.2f} {whole:12} {mean:9} {total:9} {failures or '':>9} total"]
    return "\n".join(lines) + "\n"


def run(options: Namespace) -> int:
    """Runs the program; returns its exit status. Raises RingscopeError."""
    options.detailed = options.summary_only
    observer = Observer(options)
    try:
        result = execute(options, observer)
    except BaseException:
        observer.abandon()
        raise
    observer.ended(result)
    return result.exit_status
