"""Python's turn in front of one instruction: what a check of sensitive.py sees, and what it says.

A check reads the CPU and memory through a `Turn` and answers with a verdict. It changes nothing:
inside a block nothing may be edited. What a verdict leads to is processor.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from emu.cpu.engine import Engine
from emu.cpu.state import CpuState
from emu.memory import walk
from emu.memory.physical import PhysicalMemory
from emu.x86.instructions import Decode, Instruction
from emu.x86.vendors import Vendor

# When a row holds.
ALWAYS: Final = "always"
ALIGNMENT: Final = "alignment"  # in ring 3 with AC set: such blocks are translated for themselves
UNMASKED: Final = "unmasked"  # once a program unmasked a SIMD floating-point exception


class Raise(NamedTuple):
    """The instruction raises the fault `vector`. `address`: CR2, of a page fault.

    `edit` changes the state before delivery: what the faulting instruction leaves changed.
    """

    vector: int
    error_code: int | None = None
    address: int | None = None
    edit: Callable[[CpuState], None] | None = None


class Emulate(NamedTuple):
    """`perform` does the whole instruction: it edits the state and leaves RIP behind it."""

    perform: Callable[[CpuState], None]
    changes_breakpoints: bool = False


class Watch(NamedTuple):
    """The instruction may run; from here on the rows for `mode` hold too."""

    mode: str


class Refetch(NamedTuple):
    """The block is translated anew, and then runs: its sensitive instructions have hooks now."""

    addresses: tuple[int, ...]


Verdict: TypeAlias = Raise | Emulate | Watch


class Turn:
    """The instruction `code` at `rip`, which runs next. The state is loaded."""

    def __init__(
        self, engine: Engine, vendor: Vendor, decode: Decode, rip: int, code: bytes
    ) -> None:
        self.state: Final = engine.state
        self.ram: Final[PhysicalMemory] = engine.physical
        self.rip: Final = rip
        self.code: Final = code
        self.vendor: Final = vendor
        self._engine = engine
        self._decode = decode

    @property
    def rflags(self) -> int:
        """RFLAGS, evaluated."""
        return self._engine.flags()

    @property
    def instruction(self) -> Instruction | None:
        """The instruction decoded, or None where the decoder does not know it."""
        found = self._decode(self.code, self.rip, self.state.in_64bit_mode)
        return found[0] if found else None

    @property
    def leaves(self) -> Mapping[tuple[int, int], tuple[int, int, int, int]]:
        """What CPUID says, by leaf and subleaf."""
        return self._engine.leaves

    def read_msr(self, number: int) -> int:
        """An MSR, as ring 0 reads it."""
        return self._engine.read_msr(number)

    def read(self, address: int, size: int) -> bytes | None:
        """`size` bytes at the linear `address`, whoever may read them; None without a page."""
        content = walk.read_part(self.ram, self.state.control(3), address, size)
        return content if len(content) == size else None
