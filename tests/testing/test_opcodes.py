"""The instructions that matter are recognised by their bytes, prefixes or not."""

from __future__ import annotations

import pytest

from emu.testing import opcodes

NAMES = {
    "0f01f8": "swapgs",
    "0f01ca": "clac",
    "480f07": "sysret",
    "0f07": "sysret",
    "480f35": "sysexit",
    "48cf": "iret",
    "cf": "iret",
    "fc": "cld",
    "9d": "popf",
    "e800000000": "call",
    "ffd3": "call",
    "41ff14d5": "call",
    "65ff5008": "call",
    "ffe3": "",
    "ff30": "",
    "90": "",
    "4889e5": "",
    "0f05": "",
    "": "",
    "65": "",
}


@pytest.mark.parametrize(("code", "name"), NAMES.items())
def test_an_instruction_has_its_name_or_none(code: str, name: str) -> None:
    assert opcodes.name_of(bytes.fromhex(code)) == name


@pytest.mark.parametrize(
    ("code", "uses"),
    [
        ("65488b042500000000", True),
        ("f065480fc100", True),
        ("488b042565000000", False),
        ("64488b042500000000", False),
        ("b865656565", False),
    ],
)
def test_a_gs_prefix_is_seen_and_nothing_else_taken_for_one(code: str, uses: bool) -> None:
    assert opcodes.uses_gs(bytes.fromhex(code)) is uses
