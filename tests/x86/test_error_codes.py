"""Error codes name a gate, a selector or an access; the golden ones are a real processor's."""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86 import error_codes, paging, vectors
from emu.x86.error_codes import EXT, IDT, SELECTOR, TI
from tests import golden

# fault of the golden file, the vector that its `int n` asked for
REFUSED_GATES: Final = {
    "c_gp_int_0x81": 0x81,
    "gp_int_0x20": 0x20,
    "gp_int_0x81": 0x81,
    "gp_int_0x08": 0x08,
}
# fault of the golden file, the selector that it loaded
REFUSED_SELECTORS: Final = {
    "c_gp_lcall_kernel_cs": 0x10,
    "gp_load_ds_kernel_cs": 0x10,
    "gp_load_ds_empty": 0x63,
    "gp_iret_cs_kernel": 0x10,
    "gp_iret_ss_kernel": 0x18,
    "gp_ljmp_kernel_cs": 0x10,
    "gp_load_ss_rpl0": 0x28,
}


def pushed(name: str) -> int:
    return golden.number(golden.read("faults")[name]["processor"]["error_code"])


@pytest.mark.parametrize("name", REFUSED_GATES)
def test_a_refused_gate_is_named_as_the_processor_names_it(name: str) -> None:
    assert error_codes.gate(REFUSED_GATES[name]) == pushed(name)


@pytest.mark.parametrize("name", REFUSED_SELECTORS)
def test_a_refused_selector_is_named_as_the_processor_names_it(name: str) -> None:
    assert error_codes.selector(REFUSED_SELECTORS[name]) == pushed(name)


@pytest.mark.parametrize("vector", [0, 8, 0x80, 0xFF])
def test_the_code_of_a_gate_is_eight_times_its_vector_and_the_idt_bit(vector: int) -> None:
    assert error_codes.gate(vector) == 8 * vector + IDT
    assert error_codes.gate(vector, EXT) == 8 * vector + IDT + EXT


@pytest.mark.parametrize(
    ("selector", "external", "code"),
    [
        (0x33, 0, 0x30),
        (0x30, 0, 0x30),
        (0x37, 0, 0x34),  # TI stays
        (0x33, EXT, 0x31),
        (0xFFFF, 0, 0xFFFC),
        (3, 0, 0),  # a null selector is named by 0
    ],
)
def test_the_code_of_a_selector_is_the_selector_with_ext_and_idt_for_its_rpl(
    selector: int, external: int, code: int
) -> None:
    assert error_codes.selector(selector, external) == code


def test_the_parts_of_a_code_can_be_read_back() -> None:
    parts = SELECTOR.unpack(error_codes.selector(0x37, EXT))
    assert parts == {"ext": 1, "idt": 0, "ti": 1, "index": 6}
    assert SELECTOR.pack(ext=1, idt=1, ti=1) == EXT | IDT | TI


DESCRIPTIONS: Final = (
    (0b00000, "kernel read of a page that is not present"),
    (0b00010, "kernel write of a page that is not present"),
    (0b00011, "kernel write of a page that forbids it"),
    (0b00100, "user read of a page that is not present"),
    (0b00101, "user read of a page that forbids it"),
    (0b00110, "user write of a page that is not present"),
    (0b00111, "user write of a page that forbids it"),
    (0b10100, "user fetch of a page that is not present"),
    (0b10101, "user fetch of a page that forbids it"),
)


@pytest.mark.parametrize(("code", "text"), DESCRIPTIONS)
def test_a_page_fault_is_told_in_words(code: int, text: str) -> None:
    assert error_codes.describe_page_fault(code) == text


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pf_read_unmapped", paging.PF_USER),
        ("pf_write_unmapped", paging.PF_USER | paging.PF_WRITE),
        ("pf_exec_unmapped", paging.PF_USER | paging.PF_FETCH),
        ("pf_read_kernel", paging.PF_USER | paging.PF_PRESENT),
    ],
)
def test_the_bits_of_a_page_fault_are_the_processors(name: str, code: int) -> None:
    assert pushed(name) == code


# vector, error code, in words
WORDS: Final = (
    (vectors.GP, 0x102, "gate 0x20 of the IDT"),
    (vectors.GP, 0x103, "gate 0x20 of the IDT, met while an event from outside was delivered"),
    (vectors.GP, 0x18, "selector 0x18 of the GDT"),
    (vectors.NP, 0x34, "selector 0x34 of the LDT"),
    (vectors.TS, 0x40, "selector 0x40 of the GDT"),
    (vectors.GP, 0, "no selector"),
    (vectors.SS, 1, "no selector, met while an event from outside was delivered"),
    (vectors.PF, 0b00111, "user write of a page that forbids it"),
    (vectors.PF, 0b01101, "user read of a page whose tables have reserved bits set"),
    (vectors.DF, 0, "always 0"),
    (vectors.AC, 0, "always 0"),
)


@pytest.mark.parametrize(("vector", "code", "text"), WORDS)
def test_an_error_code_is_told_in_words(vector: int, code: int, text: str) -> None:
    assert error_codes.describe(vector, code) == text


@pytest.mark.parametrize(
    ("vector", "code", "fields"),
    [
        (vectors.GP, 0x102, {"ext": 0, "idt": 1, "ti": 0, "index": 0x20}),
        (vectors.NP, 0x35, {"ext": 1, "idt": 0, "ti": 1, "index": 6}),
        (vectors.PF, 0x15, {"present": 1, "write": 0, "user": 1, "reserved": 0, "fetch": 1}),
        (vectors.DF, 0, {}),
    ],
)
def test_an_error_code_is_taken_apart_as_its_vector_has_it(
    vector: int, code: int, fields: dict[str, int]
) -> None:
    assert error_codes.decode(vector, code) == fields


@pytest.mark.parametrize("vector", [row.number for row in vectors.TABLE.values()])
@pytest.mark.parametrize("code", [0, 1, 0xFFFF, 0xFFFF_FFFF])
def test_every_error_code_of_every_vector_has_words(vector: int, code: int) -> None:
    assert error_codes.describe(vector, code)
