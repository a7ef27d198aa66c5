"""The debug registers' bits: which breakpoints DR7 enables, of which kind and length.

Facts and packing only; emu/cpu/debug.py makes breakpoints of them. SDM 3B, "Debug Registers",
"Debug Control Register (DR7)", "Debug Status Register (DR6)".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

REGISTERS: Final = (0, 1, 2, 3, 6, 7)

# R/W of DR7.
EXECUTE, WRITE, PORT, ACCESS = range(4)
_LENGTHS: Final = {1: 0, 2: 1, 8: 2, 4: 3}  # bytes: LEN of DR7

STATUS_HITS: Final = 0xF  # DR6.B0 to B3
STATUS_DETECTED: Final = 1 << 13  # DR6.BD
STATUS_STEP: Final = 1 << 14  # DR6.BS
STATUS_AT_RESET: Final = 0xFFFF_0FF0
CONTROL_AT_RESET: Final = 0x400
ENABLED: Final = 0xFF  # L0 to G3 of DR7
CONTROL_DETECT: Final = 1 << 13  # DR7.GD
_STATUS_WRITABLE: Final = 0xE00F
_CONTROL_WRITABLE: Final = 0xFFFF_23FF


class Breakpoint(NamedTuple):
    """One enabled breakpoint."""

    slot: int
    address: int
    kind: int
    length: int


def fixed(number: int, value: int) -> int:
    """What a write of `value` to DR `number` leaves: some bits of DR6 and DR7 never change."""
    if number == 6:
        return value & _STATUS_WRITABLE | STATUS_AT_RESET
    if number == 7:
        return value & _CONTROL_WRITABLE | CONTROL_AT_RESET
    return value


def enabled(control: int, addresses: Sequence[int]) -> list[Breakpoint]:
    """The breakpoints that DR7 (`control`) enables, locally or globally, but for those on ports."""
    found = []
    for slot, address in enumerate(addresses):
        kind = control >> 16 + 4 * slot & 3
        length = next(
            size for size, bits in _LENGTHS.items() if bits == control >> 18 + 4 * slot & 3
        )
        if control >> 2 * slot & 3 and kind != PORT:
            found.append(Breakpoint(slot, address & -length, kind, length))
    return found


def without_breakpoint(control: int, slot: int) -> int:
    """DR7 with nothing in `slot`."""
    return control & ~(3 << 2 * slot | 0xF << 16 + 4 * slot)


def with_breakpoint(control: int, slot: int, kind: int, length: int) -> int:
    """DR7 with breakpoint `slot` enabled. Raises KeyError where there is no such length."""
    return (
        without_breakpoint(control, slot)
        | 1 << 2 * slot
        | (_LENGTHS[length] << 2 | kind) << 16 + 4 * slot
    )
