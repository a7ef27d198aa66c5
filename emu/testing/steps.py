"""Every instruction of a crossing, each with the processor as it was before: the raw record.

`Step` keeps a copy of the state block's beginning and decodes what is asked for; `Path` is the
steps of ring 0 in order. What they mean, checks.py and text.py say.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Any, Final, NamedTuple

from emu.cpu import state as at
from emu.cpu.state import CpuState
from emu.testing.states import State
from emu.testing.symbols import Symbols
from emu.testing.values import Flags, Selector, Word
from emu.x86.registers import CS, ES, FS, GPRS, GS, IDTR, RSP, SEGMENTS

KEPT: Final = at.CR + 40  # bytes of the state block: GPRs to CR4
_GPRS: Final = Struct("<16Q")
_WORD: Final = Struct("<Q")
_SEGMENT: Final = Struct("<IxxxxQII")
_HIDDEN: Final = Struct("<I")


class Step(NamedTuple):
    """The processor before the instruction of `size` bytes at `rip` ran. `raw`: the state block."""

    rip: int
    size: int
    rflags: int
    raw: bytes
    kernel_gs_base: int

    @property
    def registers(self) -> tuple[int, ...]:
        """The sixteen general registers."""
        return _GPRS.unpack_from(self.raw)

    @property
    def rsp(self) -> int:
        """The stack pointer."""
        return self.word(8 * RSP)

    @property
    def cpl(self) -> int:
        """The privilege level."""
        hidden: int = _HIDDEN.unpack_from(self.raw, at.HIDDEN_FLAGS)[0]
        return hidden & at.HIDDEN_CPL

    @property
    def gs_base(self) -> int:
        """The base of GS."""
        return self.segment(GS)[1]

    @property
    def cr3(self) -> int:
        """The root of the page tables."""
        return self.word(at.CR + 24)

    @property
    def cr4(self) -> int:
        """CR4."""
        return self.word(at.CR + 32)

    @property
    def idt(self) -> int:
        """The base of the IDT."""
        return self.segment(IDTR)[1]

    def word(self, offset: int) -> int:
        """Eight bytes of the state block."""
        value: int = _WORD.unpack_from(self.raw, offset)[0]
        return value

    def segment(self, number: int) -> tuple[int, int, int, int]:
        """Selector, base, limit and attributes."""
        return _SEGMENT.unpack_from(self.raw, at.SEGMENT + at.SEGMENT_STRIDE * number)

    def state(self) -> State:
        """All of it, decoded."""
        segments = [self.segment(number) for number in range(ES, GS + 1)]
        fields: dict[str, Any] = {
            name: Word(value) for name, value in zip(GPRS, self.registers, strict=True)
        }
        for name, segment in zip(SEGMENTS, segments, strict=True):
            fields[name] = Selector(segment[0])
        return State(
            **fields,
            rip=Word(self.rip),
            rflags=Flags(self.rflags),
            cpl=self.cpl,
            fs_base=Word(segments[FS][1]),
            gs_base=Word(segments[GS][1]),
            kernel_gs_base=Word(self.kernel_gs_base),
            cr2=Word(self.word(at.CR + 16)),
            cr3=Word(self.cr3),
            cs_attributes=segments[CS][3],
            length=self.size,
        )


def take(state: CpuState, rip: int, size: int, rflags: int) -> Step:
    """The processor as the loaded state block has it."""
    return Step(rip, size, rflags, bytes(state.raw[:KEPT]), state.kernel_gs_base)


class Instruction(NamedTuple):
    """One executed instruction of ring 0: the state before it, and its bytes."""

    step: Step
    code: bytes


@dataclass(frozen=True)
class Path:
    """What ring 0 executed, in order, and the state behind the last instruction."""

    instructions: tuple[Instruction, ...]
    end: Step
    symbols: Symbols

    def after(self, index: int) -> Step:
        """The state behind the instruction `index`."""
        following = index + 1
        return self.instructions[following].step if following < len(self.instructions) else self.end

    def where(self, index: int) -> str:
        """The place of the instruction `index`, by symbol."""
        return self.symbols.name_of(self.instructions[index].step.rip)

    def last_write(self, register: int) -> int | None:
        """The index of the last instruction that changed a general register."""
        for index in reversed(range(len(self.instructions))):
            before = self.instructions[index].step.word(8 * register)
            if self.after(index).word(8 * register) != before:
                return index
        return None
