"""Watches each system call on its way through the kernel, and writes its line.

A kernel in front of the kernel: it reads pt_regs before and after, and answers nothing. What a line
says is kernel_stub/trace's matter, which are wanted is the command line's.
strace(1); kernel_stub/entry/constants.py has the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from emu.hooks import Kernel as Answers
from kernel_stub.abi import signals
from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.entry import constants as entry
from kernel_stub.kernel import Kernel
from kernel_stub.trace import text
from kernel_stub.trace.line import LARGEST_ERROR, CallLine

_REGS: Final = Struct(f"<{len(entry.PT_REGS)}Q")
_LOW: Final = 0xFFFF_FFFF
_EXECVE: Final = {name: number for number, name in X86_64.numbers.items()}["execve"]
_REGISTERS: Final = {
    X86_64: ("rdi", "rsi", "rdx", "r10", "r8", "r9"),
    I386: ("rbx", "rcx", "rdx", "rsi", "rdi", "rbp"),
}
_CODES: Final = {
    signals.SIGSEGV: {1: "SEGV_MAPERR", 2: "SEGV_ACCERR"},
    signals.SIGBUS: {1: "BUS_ADRALN", 2: "BUS_ADRERR"},
    signals.SIGFPE: {1: "FPE_INTDIV", 14: "FPE_FLTUNK"},
    signals.SIGILL: {2: "ILL_ILLOPN"},
    signals.SIGTRAP: {1: "TRAP_BRKPT", 2: "TRAP_TRACE"},
}
_ANY_CODE: Final = {0: "SI_USER", signals.SI_KERNEL: "SI_KERNEL", -6: "SI_TKILL"}


class Wanted(NamedTuple):
    """What a line shows, and which calls have one."""

    is_told: Callable[[str], bool]
    string_size: int = 32
    paths: bool = False
    numbers: bool = False
    pointers: bool = False


class Tracer:
    """Writes a line for each wanted call of `kernel` by `write`. `calls` counts: all, failed.

    `answers` is who answers the calls: the kernel, or whoever stands in front of it.
    """

    def __init__(
        self, kernel: Kernel, answers: Answers, wanted: Wanted, write: Callable[[str], None]
    ) -> None:
        self.calls: dict[str, list[int]] = {}
        self._kernel = kernel
        self._answers = answers
        self._wanted = wanted
        self._write = write
        self._abi = X86_64
        self._last = _EXECVE  # the number of the last call that was told
        kernel.machine.attach(self)

    # ---- the program's beginning and end

    def started(self, path: bytes, argv: list[bytes], environment_at: int, count: int) -> None:
        """The call that started the program, as it would have been made."""
        if self._wanted.is_told("execve"):
            words = ", ".join(text.quoted(word, self._wanted.string_size) for word in argv)
            plural = "" if count == 1 else "s"
            leader = self._leader(_EXECVE, self._kernel.machine.engine.rip())
            call = f"{leader}execve({text.quoted(path)}, [{words}], {environment_at:#x} "
            self._write(f"{call}/* {count} var{plural} */) = 0\n")
        self._changed_abi(self._kernel.task.program_abi)

    def ended(self, status: int, signal: int) -> None:
        """How the program ended; both are 0 if it did not."""
        nowhere = self._leader(self._last, None)
        if not signal:
            self._write(f"{nowhere}+++ exited with {status} +++\n")
            return
        name = text.signal_name(signal)
        raised = self._kernel.exceptions.last
        if raised is not None and raised.signal == signal:
            codes = _CODES.get(signal, {}) | _ANY_CODE
            code = codes.get(raised.code, str(raised.code))
            where = f", si_addr={text.address(raised.address)}" if raised.code < 0x80 else ""
            self._write(f"{nowhere}--- {name} {{si_signo={name}, si_code={code}{where}}} ---\n")
        self._write(f"{nowhere}+++ killed by {name} +++\n")

    def _changed_abi(self, abi: Abi) -> None:
        if abi is not self._abi:
            self._abi = abi
            bits = 8 * abi.word
            self._write(f"[ Process PID={self._kernel.task.pid} runs in {bits} bit mode. ]\n")

    # ---- each call

    def handed_over(self, call: int, argument: int) -> None:
        """As emu.hooks.Kernel."""
        if call >= entry.HANDOVER_EXCEPTION:
            self._answers.handed_over(call, argument)
            return
        abi = X86_64 if call == entry.HANDOVER_SYSCALL_64 else I386
        registers = self._registers(call, argument)
        number = registers["orig_rax"] & _LOW
        name = (self._kernel.calls_64 if abi is X86_64 else self._kernel.calls_32).name(number)
        is_told = self._wanted.is_told(name)
        line = self._line(abi, name, registers) if is_told else None
        self._answers.handed_over(call, argument)
        rax = None if self._kernel.ended else self._registers(call, argument)["rax"]
        self._count(name, rax)
        if line is not None:
            self._changed_abi(abi)
            self._last = number
            leader = self._leader(number, registers["rip"])
            told = line.unfinished(leader) if rax is None else line.ended(rax, leader)
            self._write(told + "\n")

    def _line(self, abi: Abi, name: str, registers: dict[str, int]) -> CallLine:
        wanted, task = self._wanted, self._kernel.task
        task.abi = abi  # the kernel would say so now
        arguments = tuple(registers[register] for register in _REGISTERS[abi])
        return CallLine(task, abi, name, arguments, wanted.string_size, wanted.paths)

    def _registers(self, call: int, argument: int) -> dict[str, int]:
        """pt_regs; a fast call of i386 has its sixth argument on the stack, which is left out."""
        words = _REGS.unpack(self._kernel.half.tables.read(argument, _REGS.size))
        return dict(zip(entry.PT_REGS, words, strict=True))

    def _count(self, name: str, rax: int | None) -> None:
        counts = self.calls.setdefault(name, [0, 0])
        counts[0] += 1
        if rax is not None and rax >= (1 << 64) - LARGEST_ERROR:
            counts[1] += 1

    def _leader(self, number: int, rip: int | None) -> str:
        """The number of a call and where it was made, if they are wanted."""
        digits = 2 * self._kernel.task.program_abi.word
        where = "?" * digits if rip is None else f"{rip:0{digits}x}"
        shown = f"[{number:4}] " if self._wanted.numbers else ""
        return shown + (f"[{where}] " if self._wanted.pointers else "")
