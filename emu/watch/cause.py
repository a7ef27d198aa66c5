"""The cause of a program's death, in two lines and as JSON-ready data.

It formats a `Cause`; how one is found is told in why.py.
"""

from __future__ import annotations

from typing import Any

from emu.events import Cause
from emu.x86 import error_codes, vectors
from emu.x86.checks import in_words


def headline(cause: Cause) -> str:
    """What happened and where: exception, address, instruction, error code in words."""
    row = vectors.TABLE[cause.vector]
    text = f"{row.mnemonic} ({row.name}) at {cause.rip:#x}"
    if cause.instruction:
        text += f" `{cause.instruction}`"
    if cause.address is not None:
        text += f", address {cause.address:#x}"
    if cause.error_code is not None:
        text += f", error code {cause.error_code:#x}: {cause.meaning}"
    return text


def detail(cause: Cause) -> str:
    """The check that failed, its inputs, and the manual's step by title."""
    inputs = f" ({in_words(cause.inputs)})" if cause.inputs else ""
    return f"{cause.check}{inputs}; {cause.manual}"


def as_dict(cause: Cause) -> dict[str, Any]:
    """The same as data: numbers as numbers, the error code taken apart by the manual's names."""
    row, code = vectors.TABLE[cause.vector], cause.error_code
    return {
        "vector": cause.vector,
        "mnemonic": row.mnemonic,
        "name": row.name,
        "rip": cause.rip,
        "instruction": cause.instruction or None,
        "address": cause.address,
        "error_code": code,
        "error_code_fields": None if code is None else error_codes.decode(cause.vector, code),
        "error_code_means": cause.meaning or None,
        "check": cause.check,
        "inputs": dict(cause.inputs),
        "manual": cause.manual,
    }
