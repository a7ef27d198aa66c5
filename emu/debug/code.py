"""What kind of instruction stands somewhere: a call, a return, a way into ring 0 or out of it.

Found by bytes, because it is asked for each instruction that runs. SDM 2D, "Opcode Map".
"""

from __future__ import annotations

from typing import Final

from emu.debug.memory import Memory
from emu.x86.instructions import LONGEST, opcode_at

CALL: Final = "call"
RET: Final = "ret"
ENTER: Final = "enter ring 0"  # SYSCALL, SYSENTER, INT n
LEAVE: Final = "leave ring 0"  # SYSRET, SYSEXIT, IRET
OTHER: Final = ""

_ONE: Final = {
    **dict.fromkeys((0xE8, 0x9A), CALL),
    **dict.fromkeys((0xC2, 0xC3, 0xCA, 0xCB), RET),
    **dict.fromkeys((0xCC, 0xCD, 0xCE, 0xF1), ENTER),
    0xCF: LEAVE,
}
_TWO: Final = {0x05: ENTER, 0x34: ENTER, 0x07: LEAVE, 0x35: LEAVE}
_GROUP_5: Final = 0xFF
_CALLS_OF_GROUP_5: Final = (2, 3)


def kind_of(code: bytes, long: bool) -> str:
    """The kind of the instruction with which `code` begins."""
    try:
        at = opcode_at(code, 0, long)
    except IndexError:
        return OTHER
    opcode, following = code[at : at + 1], code[at + 1 : at + 2]
    if opcode[0] == 0x0F and following:
        return _TWO.get(following[0], OTHER)
    if opcode[0] == _GROUP_5 and following:
        return CALL if following[0] >> 3 & 7 in _CALLS_OF_GROUP_5 else OTHER
    return _ONE.get(opcode[0], OTHER)


class Kinds:
    """Kinds by address, remembered until `forget`: code may change."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[tuple[int, bool], str] = {}

    def at(self, address: int, long: bool) -> str:
        """The kind of the instruction at `address`; the state block must be loaded once."""
        kind = self._known.get((address, long))
        if kind is None:
            code = self._memory.read_some(address, LONGEST)
            kind = self._known[address, long] = kind_of(code, long)
        return kind

    def forget(self) -> None:
        """The code may be another now."""
        self._known.clear()
