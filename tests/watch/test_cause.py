"""The cause of a program's death to the letter, as two lines and as data."""

from __future__ import annotations

import json
from typing import Final

from emu.events import Cause
from emu.watch.cause import as_dict, detail, headline
from emu.x86 import checks, vectors

GATE: Final = Cause(
    vector=vectors.GP,
    error_code=0x102,
    rip=0x400100,
    address=None,
    instruction="int 0x20",
    check=checks.GATE_DPL.name,
    inputs=(("vector", 0x20), ("DPL", 0), ("CPL", 3)),
    manual=checks.GATE_DPL.manual,
)
FETCH: Final = Cause(
    vector=vectors.PF,
    error_code=0x15,
    rip=0x5000,
    address=0x5000,
    instruction="",
    check=checks.PAGE_EXECUTE.name,
    inputs=(),
    manual=checks.PAGE_EXECUTE.manual,
)


def test_the_first_line_is_what_and_where_and_the_second_why() -> None:
    assert headline(GATE) == (
        "#GP (general protection) at 0x400100 `int 0x20`, error code 0x102: gate 0x20 of the IDT"
    )
    assert detail(GATE) == (
        "gate DPL below CPL (vector 0x20, DPL 0, CPL 3); "
        'SDM 3A, "Protection of Exception- and Interrupt-Handler Procedures"'
    )


def test_a_page_fault_tells_its_address_and_what_is_not_known_is_left_out() -> None:
    assert headline(FETCH) == (
        "#PF (page fault) at 0x5000, address 0x5000, "
        "error code 0x15: user fetch of a page that forbids it"
    )
    assert detail(FETCH) == (
        'execute-disable address, fetched from; SDM 3A, "Determination of Access Rights"'
    )


def test_as_data_the_error_code_is_taken_apart() -> None:
    assert json.loads(json.dumps(as_dict(GATE))) == {
        "vector": 13,
        "mnemonic": "#GP",
        "name": "general protection",
        "rip": 0x400100,
        "instruction": "int 0x20",
        "address": None,
        "error_code": 0x102,
        "error_code_fields": {"ext": 0, "idt": 1, "ti": 0, "index": 0x20},
        "error_code_means": "gate 0x20 of the IDT",
        "check": "gate DPL below CPL",
        "inputs": {"vector": 0x20, "DPL": 0, "CPL": 3},
        "manual": checks.GATE_DPL.manual,
    }


def test_an_exception_without_an_error_code_says_nothing_of_one() -> None:
    invalid = GATE._replace(vector=vectors.UD, error_code=None)
    assert headline(invalid) == "#UD (invalid opcode) at 0x400100 `int 0x20`"
    told = as_dict(invalid)
    assert (told["error_code"], told["error_code_fields"]) == (None, None)
    assert told["error_code_means"] is None
