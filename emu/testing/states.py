"""Frozen pictures of the processor, and what a test declares of its tables.

A `State` is the processor between two instructions; a `Frame` what it pushed; a `Gate` one entry of
the IDT. They are compared as wholes or field by field and know no machine.
SDM 3A, "64-Bit Mode Stack Frame", "64-Bit Mode IDT", "64-Bit Task State Segment".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import EllipsisType
from typing import Any, Final, TypeAlias

from emu.testing.values import Flags, Selector, Word
from emu.x86.descriptors import ATTRIBUTE_LONG
from emu.x86.registers import GPRS, SEGMENTS, parts

_PARTS: Final = parts()

# A place in the guest: an address, or the name of a symbol, or `symbol+0x10`.
Place: TypeAlias = int | str


@dataclass(frozen=True)
class State:
    """The processor between two instructions. `rip` is the next one to run.

    Parts of registers are there by their names too: `state.eax`, `state.r8d`, `state.al`.
    """

    rax: Word
    rcx: Word
    rdx: Word
    rbx: Word
    rsp: Word
    rbp: Word
    rsi: Word
    rdi: Word
    r8: Word
    r9: Word
    r10: Word
    r11: Word
    r12: Word
    r13: Word
    r14: Word
    r15: Word
    rip: Word
    rflags: Flags
    cpl: int
    es: Selector
    cs: Selector
    ss: Selector
    ds: Selector
    fs: Selector
    gs: Selector
    fs_base: Word
    gs_base: Word
    kernel_gs_base: Word
    cr2: Word
    cr3: Word
    cs_attributes: int = field(default=0, compare=False, repr=False)
    length: int = field(default=0, compare=False, repr=False)  # of the instruction at rip

    @property
    def next_rip(self) -> Word:
        """The address behind the instruction at `rip`."""
        return Word(self.rip + self.length)

    @property
    def bits(self) -> int:
        """64 in 64-bit mode, 32 in compatibility mode."""
        return 64 if self.cs_attributes & ATTRIBUTE_LONG else 32

    @property
    def registers(self) -> dict[str, Word]:
        """The sixteen general registers by name."""
        return {name: getattr(self, name) for name in GPRS}

    def but(self, **changes: int) -> State:
        """This state with some fields changed: `trap.entry == trap.user.but(cpl=0, ...)`."""
        typed = {name: _TYPES.get(name, Word)(value) for name, value in changes.items()}
        return replace(self, **typed)

    def __getattr__(self, name: str) -> Word:
        part = _PARTS.get(name)
        if part is None or part.whole == name:
            raise AttributeError(f"no register {name!r} in a State")
        return Word(getattr(self, part.whole) >> part.shift & part.mask)


_TYPES: Final[Mapping[str, Any]] = {
    "rflags": Flags,
    "cpl": int,
    "length": int,
    "cs_attributes": int,
    **dict.fromkeys(SEGMENTS, Selector),
}
COMPARED: Final = tuple(one.name for one in fields(State) if one.compare)


def difference(left: State, right: State) -> dict[str, tuple[Any, Any]]:
    """The fields in which two states differ, with both values."""
    pairs = {name: (getattr(left, name), getattr(right, name)) for name in COMPARED}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


AnyValue: TypeAlias = int | EllipsisType


@dataclass(frozen=True, eq=False)
class Frame:
    """What the processor pushed, lowest address first. A field that is `...` equals any value."""

    rip: AnyValue = ...
    cs: AnyValue = ...
    rflags: AnyValue = ...
    rsp: AnyValue = ...
    ss: AnyValue = ...

    def __post_init__(self) -> None:
        kinds = {"cs": Selector, "rflags": Flags, "ss": Selector}
        for name in FRAME_FIELDS:
            value = getattr(self, name)
            if isinstance(value, int) and not isinstance(value, Word):
                object.__setattr__(self, name, kinds.get(name, Word)(value))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return not frame_difference(self, other)

    __hash__ = None  # type: ignore[assignment]  # `...` equals all, so no hash can follow


FRAME_FIELDS: Final = ("rip", "cs", "rflags", "rsp", "ss")


def frame_difference(left: Frame, right: Frame) -> dict[str, tuple[Any, Any]]:
    """The fields in which two frames differ, with both values."""
    pairs = {name: (getattr(left, name), getattr(right, name)) for name in FRAME_FIELDS}
    return {name: pair for name, pair in pairs.items() if ... not in pair and pair[0] != pair[1]}


@dataclass(frozen=True)
class Gate:
    """An entry of the IDT. `target` is a symbol or an address; `type` interrupt or trap.

    Without a `selector` it is the machine's kernel code segment.
    """

    target: Place
    dpl: int = 0
    ist: int = 0
    type: str = "interrupt"
    selector: int | None = None
    present: bool = True


@dataclass(frozen=True)
class Selectors:
    """Where the GDT has its segments. Those of Linux unless they are given.

    SYSRET takes SS from STAR + 8 and CS from STAR + 16, so user32_cs, user_ss and user_cs follow
    each other; SYSCALL takes kernel_ss from kernel_cs + 8.
    """

    kernel_cs: int = 0x10
    kernel_ss: int = 0x18
    user32_cs: int = 0x23
    user_ss: int = 0x2B
    user_cs: int = 0x33
    tss: int = 0x40


LINUX: Final = Selectors()
