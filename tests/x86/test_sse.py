"""What SSE instructions signal: elements together, operands before results.

SDM 1, "Handling Unmasked Exceptions". The whole table is compared with a processor's record in
tests/differential.
"""

from __future__ import annotations

import struct

import pytest

from emu.x86.floating import ALL, DE, IE, OE, PE, UE, ZE, Control, Result
from emu.x86.sse import F2, F3, NO_PREFIX, OPERATIONS, P66, Inputs, signals


def singles(*values: float) -> int:
    return int.from_bytes(struct.pack(f"<{len(values)}f", *values), "little")


def inputs(a: int, b: int, masks: int = 0, immediate: int = 0) -> Inputs:
    return Inputs(a, b, immediate, 32, Control(masks=masks))


@pytest.mark.parametrize(
    ("stages", "masks", "signaled"),
    [
        ([[IE], []], ALL, 0),
        ([[IE, ZE], []], ALL & ~ZE, IE | ZE),
        ([[IE, PE], []], ALL & ~PE, IE | PE),
        ([[ZE, PE], []], ALL & ~ZE, ZE),
        ([[PE], [OE | PE]], ALL & ~OE, PE | OE),
        ([[PE], [OE]], ALL & ~PE, PE),
        ([[DE | UE]], ALL & ~DE, DE),
    ],
)
def test_operands_come_before_results_and_stages_in_their_order(
    stages: list[list[int]], masks: int, signaled: int
) -> None:
    assert signals([[Result(0, flags) for flags in row] for row in stages], masks) == signaled


def flags_of(prefix: int, opcode: int, x: Inputs) -> list[list[int]]:
    return [[found.flags for found in row] for row in OPERATIONS[prefix, opcode].stages(x)]


def test_a_scalar_looks_at_one_element_and_a_packed_one_at_all() -> None:
    x = inputs(singles(1, 1, 1, 1), singles(1, 0, 3, 1))
    assert flags_of(F3, 0x5E, x) == [[0]]
    assert flags_of(NO_PREFIX, 0x5E, x) == [[0, ZE, PE, 0]]


@pytest.mark.parametrize(("predicate", "flags"), list(enumerate([0, IE, IE, 0, 0, IE, IE, 0])))
def test_a_predicate_is_quiet_or_signals(predicate: int, flags: int) -> None:
    nan = 0x7FC0_0000
    assert flags_of(F3, 0xC2, inputs(nan, singles(1), immediate=predicate)) == [[flags]]


@pytest.mark.parametrize(("immediate", "flags"), [(0, PE), (8, 0), (4, PE), (12, 0)])
def test_rounding_may_keep_precision_quiet(immediate: int, flags: int) -> None:
    assert flags_of(P66, 0x3A0A, inputs(0, singles(1.5), immediate=immediate)) == [[flags]]


def test_a_dot_product_has_a_stage_for_each_level() -> None:
    ones = singles(1, 1, 1, 1)
    assert [len(row) for row in flags_of(P66, 0x3A40, inputs(ones, ones, ALL, 0xFF))] == [4, 2, 1]


def test_horizontal_pairs_are_of_one_operand() -> None:
    infinite, minus = singles(float("inf"), 1, 1, 1), singles(float("-inf"), 1, 1, 1)
    assert flags_of(F2, 0x7C, inputs(infinite, minus)) == [[0, 0, 0, 0]]


def test_every_source_in_memory_is_as_large_as_what_is_read_of_it() -> None:
    assert {row.size for row in OPERATIONS.values()} == {0, 4, 8, 16}
