"""The exceptions: which push an error code, of which kind they are, and how two of them combine."""

from __future__ import annotations

from typing import Any, Final

import pytest

from emu.x86 import vectors
from emu.x86.vectors import BENIGN, CONTRIBUTORY, DOUBLE_FAULT, PAGE_FAULT
from tests import golden

# SDM 3A, "Protected-Mode Exceptions and Interrupts", by kind.
FAULTS: Final = {0, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19, 20, 21}
TRAPS: Final = {1, 3, 4}
ABORTS: Final = {8, 18}
WITH_ERROR_CODE: Final = {8, 10, 11, 12, 13, 14, 17, 21}


def numbers_of(kind: str) -> set[int]:
    return {number for number, row in vectors.TABLE.items() if row.kind == kind}


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (vectors.FAULT, FAULTS),
        (vectors.TRAP, TRAPS),
        (vectors.ABORT, ABORTS),
        (vectors.INTERRUPT, {2}),
    ],
)
def test_the_vectors_of_a_kind_are_those_of_the_manual(kind: str, numbers: set[int]) -> None:
    assert numbers_of(kind) == numbers


def test_the_vectors_with_an_error_code_are_those_of_the_manual() -> None:
    assert {n for n, row in vectors.TABLE.items() if row.has_error_code} == WITH_ERROR_CODE


@pytest.mark.parametrize(
    ("escalation", "numbers"),
    [
        (CONTRIBUTORY, {0, 10, 11, 12, 13, 21}),
        (PAGE_FAULT, {14, 20}),
        (DOUBLE_FAULT, {8}),
    ],
)
def test_the_classes_of_a_double_fault_are_those_of_the_manual(
    escalation: str, numbers: set[int]
) -> None:
    assert {n for n, row in vectors.TABLE.items() if row.escalation == escalation} == numbers


# first, second: #DF? SDM 3A, "Conditions for Generating a Double Fault". Where a double fault is
# the first, no second makes another: the delivery shuts down (tests/cpu/test_escalation.py).
COMBINATIONS: Final = {
    (BENIGN, BENIGN): False,
    (BENIGN, CONTRIBUTORY): False,
    (BENIGN, PAGE_FAULT): False,
    (BENIGN, DOUBLE_FAULT): False,
    (CONTRIBUTORY, BENIGN): False,
    (CONTRIBUTORY, CONTRIBUTORY): True,
    (CONTRIBUTORY, PAGE_FAULT): False,
    (CONTRIBUTORY, DOUBLE_FAULT): False,
    (PAGE_FAULT, BENIGN): False,
    (PAGE_FAULT, CONTRIBUTORY): True,
    (PAGE_FAULT, PAGE_FAULT): True,
    (PAGE_FAULT, DOUBLE_FAULT): False,
    (DOUBLE_FAULT, BENIGN): False,
    (DOUBLE_FAULT, CONTRIBUTORY): False,
    (DOUBLE_FAULT, PAGE_FAULT): False,
    (DOUBLE_FAULT, DOUBLE_FAULT): False,
}


@pytest.mark.parametrize(("first", "second"), COMBINATIONS)
def test_two_exceptions_combine_by_the_table(first: str, second: str) -> None:
    assert vectors.combines_to_double_fault(first, second) is COMBINATIONS[first, second]


def test_the_table_of_combinations_is_complete() -> None:
    classes = (BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT)
    assert set(COMBINATIONS) == {(first, second) for first in classes for second in classes}


def test_each_row_stands_under_its_number_and_below_the_interrupts() -> None:
    assert all(number == row.number for number, row in vectors.TABLE.items())
    assert max(vectors.TABLE) < vectors.EXCEPTIONS


@pytest.mark.parametrize(
    ("number", "text"), [(0, "#DE"), (2, "NMI"), (14, "#PF"), (9, "0x09"), (0x80, "0x80")]
)
def test_a_vector_is_called_by_its_mnemonic_or_its_number(number: int, text: str) -> None:
    assert vectors.mnemonic(number) == text


def test_no_name_is_given_twice() -> None:
    for column in ("mnemonic", "name"):
        names = [getattr(row, column) for row in vectors.TABLE.values()]
        assert len(names) == len(set(names))


def golden_kinds() -> list[Any]:
    """For each fault of the processor: its vector, and whether the saved RIP is its own."""
    rows = [(name, fault["processor"]) for name, fault in golden.read("faults").items()]
    return [
        pytest.param(row["vector"], row["rip_minus_insn"] == 0, id=name)
        for name, row in rows
        if "vector" in row and name != "pf_exec_unmapped"
    ]


@pytest.mark.parametrize(("vector", "at_itself"), golden_kinds())
def test_a_processor_saves_the_rip_of_a_fault_and_the_next_rip_of_a_trap(
    vector: int, at_itself: bool
) -> None:
    assert (vectors.TABLE[vector].kind == vectors.FAULT) is at_itself
