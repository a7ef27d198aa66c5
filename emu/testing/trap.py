"""One crossing as a record: what a test asserts of it.

`Trap` is the way in, up to where the machine stands; `Return` the way back, with who changed what.
Both are frozen and hold no machine. How they are recorded stands in recorder.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from emu.events import Refused
from emu.testing.bugs import Finding, demand
from emu.testing.states import FRAME_FIELDS, Frame, Gate, State, difference
from emu.testing.symbols import Symbols
from emu.testing.values import ErrorCode, Vector, Word
from emu.x86 import crossings

if TYPE_CHECKING:  # it holds states of a machine, which need not be loaded here
    from emu.testing.steps import Path

_WIDTH: Final = 15
SOFTWARE_INTERRUPT: Final = "int n"
# What a program must expect to be changed by each way in: by the instructions themselves, or
# because a result comes back there. Whatever interrupts a program changes nothing.
CHANGED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    crossings.SYSCALL: ("rax", "rcx", "r11"),
    crossings.INT80: ("rax",),
    SOFTWARE_INTERRUPT: ("rax",),
    crossings.SYSENTER: ("rax", "rcx", "rdx", "rsp"),
    crossings.FAULT: (),
    crossings.INTERRUPT: (),
}


@dataclass(frozen=True)
class Counts:
    """Instructions by path: of ring 3 before the trap, of ring 0 up to where the test stopped it
    last (`entry`), and from there on (`exit`).
    """

    user: int = 0
    entry: int = 0
    exit: int = 0


@dataclass(frozen=True)
class Trap:
    """A crossing into ring 0, or from ring 0 into another of its handlers.

    Attributes:
        mechanism: `syscall`, `int80`, `sysenter`, `fault` or `interrupt`.
        vector: which one, None for SYSCALL and SYSENTER.
        error_code: what was pushed last, with its fields; None where there is none.
        user: the state before, at the instruction that trapped.
        entry: the state at the first instruction of the handler.
        frame: what the processor pushed, by names; None where it pushed nothing.
        gate: the IDT's entry that led there; None for SYSCALL and SYSENTER.
        stack: where the frame's stack came from: `RSP0`, `IST 1`, `SYSENTER_ESP`, `unchanged`.
        here: where the machine stands now: `entry`, or what `run_until` was told.
        counts: instructions by path, up to `here`.
        refused: the checks that failed while it was delivered.
    """

    mechanism: str
    vector: Vector | None
    error_code: ErrorCode | None
    user: State
    entry: State
    frame: Frame | None
    gate: Gate | None
    stack: str
    here: State
    counts: Counts
    refused: tuple[Refused, ...] = ()
    path: Path | None = field(default=None, compare=False, repr=False)

    @property
    def cpl(self) -> tuple[int, int]:
        """The privilege levels before and after: (3, 0)."""
        return self.user.cpl, self.entry.cpl

    @property
    def frame_at(self) -> int:
        """Where the frame stands: RIP's address, above an error code."""
        return self.entry.rsp + (8 if self.error_code is not None else 0)

    @property
    def is_software(self) -> bool:
        """Whether the program asked for it, by `int n`: the frame's RIP is behind that."""
        by_gate = self.mechanism in (crossings.INT80, crossings.INTERRUPT)
        return by_gate and self.frame is not None and self.frame.rip == self.user.rip + 2

    @property
    def may_change(self) -> tuple[str, ...]:
        """The registers that this way in changes by its nature."""
        kind = SOFTWARE_INTERRUPT if self.is_software else self.mechanism
        return CHANGED_BY[kind]

    def headline(self, symbols: Symbols | None = None) -> str:
        """One line: who trapped where, and how."""
        where = self.user.rip if symbols is None else symbols.name_of(self.user.rip)
        kind = self.mechanism if self.vector is None else str(self.vector)
        code = "" if self.error_code is None else f", error code {self.error_code}"
        return f"ring {self.user.cpl} at {where}: {kind}{code}"

    def __str__(self) -> str:
        """What the processor did; the same crossing gives the same text."""
        changed = {
            name: f"{old} -> {new}"
            for name, (old, new) in difference(self.user, self.entry).items()
        }
        lines = [f"{self.mechanism}: ring {self.cpl[0]} -> ring {self.cpl[1]}", *_rows(changed)]
        if self.gate is not None:
            gate = self.gate
            lines.append(
                f"gate {self.vector}: {gate.target}, {gate.type} gate, DPL {gate.dpl}, "
                f"IST {gate.ist}"
            )
        lines.append(f"stack: {self.stack}")
        if self.frame is not None:
            lines.append(f"frame at {Word(self.frame_at)}")
            lines += _rows({name: getattr(self.frame, name) for name in reversed(FRAME_FIELDS)})
        if self.error_code is not None:
            lines.append(f"error code: {self.error_code}")
        lines += [f"refused: {one.check}" for one in self.refused]
        lines.append(f"instructions: {self.counts.user} user, {self.counts.entry} entry")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Change:
    """A register that came back with another value, and the instruction that wrote it last."""

    register: str
    before: Word
    after: Word
    by: str

    def __str__(self) -> str:
        return f"{self.register} {self.before} -> {self.after} by {self.by}"


class Preserved:
    """Whether registers came back as they were; printed, it says which did not and why."""

    def __init__(self, broken: Iterable[Change]) -> None:
        self.broken = tuple(broken)

    def __bool__(self) -> bool:
        return not self.broken

    def __repr__(self) -> str:
        if not self.broken:
            return "all preserved"
        return "not preserved: " + "; ".join(map(str, self.broken))


@dataclass(frozen=True)
class Return:
    """The way back: the machine stands at the first instruction of ring 3.

    Attributes:
        trap: the crossing that this one ends.
        user: the state now. `trap.user` is the one before.
        by: `iret`, `sysret` or `sysexit`; `unknown` for whatever else led there.
        changes: the general registers that are not as before, by name.
        gs_swaps: how many SWAPGS ran on the way.
        gs_balanced: whether GS_BASE and KERNEL_GS_BASE are as before.
        kernel_stack_left: bytes that were pushed on the kernel stack and not popped.
        counts: instructions by path.
        findings: the bugs that the checks saw (emu.testing.checks).
    """

    trap: Trap
    user: State
    by: str
    changes: Mapping[str, Change]
    gs_swaps: int
    gs_balanced: bool
    kernel_stack_left: int
    counts: Counts
    findings: tuple[Finding, ...]
    path: Path | None = field(default=None, compare=False, repr=False)

    @property
    def kernel_stack_balanced(self) -> bool:
        """Whether the kernel stack was left as it was found."""
        return not self.kernel_stack_left

    def preserved(self, except_: Iterable[str] | None = None) -> Preserved:
        """Whether all general registers but `except_` came back as they were.

        By default those are excepted that the way in changes by its nature: `trap.may_change`.
        """
        allowed = self.trap.may_change if except_ is None else tuple(except_)
        return Preserved(one for name, one in self.changes.items() if name not in allowed)

    def check(self, allow: Iterable[str] = ()) -> None:
        """Raises AssertionError with an explanation of every bug found whose name is not allowed.

        Raises:
            AssertionError: the kernel has a bug.
            UsageError: `allow` names no check.
        """
        __tracebackhide__ = True
        demand(self.findings, allow)

    def __str__(self) -> str:
        """A crossing and its way back: who changed what."""
        lines = [str(self.trap).rstrip(), f"{self.by}: ring 0 -> ring {self.user.cpl}"]
        lines += [f"  {change}" for change in self.changes.values()]
        lines.append(
            f"GS {'balanced' if self.gs_balanced else 'NOT balanced'} after {self.gs_swaps} "
            f"SWAPGS, {self.kernel_stack_left} bytes left on the kernel stack"
        )
        counts = self.counts
        lines.append(f"instructions: {counts.user} user, {counts.entry} entry, {counts.exit} exit")
        return "\n".join([*lines, *map(str, self.findings)]) + "\n"


def _rows(pairs: Mapping[str, Any]) -> list[str]:
    return [f"  {name:{_WIDTH}} {value}" for name, value in pairs.items()]
