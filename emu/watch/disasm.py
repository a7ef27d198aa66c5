"""The only door to Capstone: x86 instructions as text, and how many there are.

Imported late by whoever needs it, because Capstone takes its time to load.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import capstone


@cache
def _decoder(long: bool) -> Any:
    mode = capstone.CS_MODE_64 if long else capstone.CS_MODE_32
    return capstone.Cs(capstone.CS_ARCH_X86, mode)


def count_instructions(code: bytes, address: int, long: bool) -> int:
    """How many whole instructions `code` at `address` holds, in 64-bit or 32-bit mode."""
    return sum(1 for _ in _decoder(long).disasm_lite(code, address))


def disassemble(code: bytes, address: int, long: bool) -> list[tuple[int, str]]:
    """The instructions in `code` as (address, Intel syntax)."""
    return [
        (at, f"{mnemonic} {operands}".strip())
        for at, _, mnemonic, operands in _decoder(long).disasm_lite(code, address)
    ]
