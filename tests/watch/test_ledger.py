"""The ledger attributes every kernel instruction to one path of one crossing, and loses none."""

from __future__ import annotations

import random
from typing import Final

import pytest

from emu.watch.ledger import Ledger, Row

SYSCALL: Final = ("syscall", "x86_64")
INT80: Final = ("int80", "i386")
FAULT: Final = ("fault", "x86_64")


class Told:
    """A ledger and the kernel's total so far: `run` executes, the others tell."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.total = 0

    def run(self, instructions: int) -> None:
        self.total += instructions

    def enter(self, kind: tuple[str, str]) -> None:
        self.ledger.entered(self.ledger.line(*kind), self.total)

    def hand_over(self) -> None:
        self.ledger.handed_over(self.total)

    def close(self) -> None:
        self.ledger.close(self.total)


@pytest.fixture
def told() -> Told:
    return Told()


def test_up_to_the_handover_is_entry_and_from_there_is_exit(told: Told) -> None:
    told.enter(SYSCALL)
    told.run(27)
    told.hand_over()
    told.run(32)
    told.close()
    assert told.ledger.rows() == [Row(*SYSCALL, crossings=1, entry=27, exit=32)]


def test_the_next_crossing_closes_the_one_before(told: Told) -> None:
    for entry, leave in ((20, 30), (21, 31)):
        told.enter(SYSCALL)
        told.run(entry)
        told.hand_over()
        told.run(leave)
    told.enter(INT80)
    told.run(5)
    told.close()
    assert told.ledger.rows() == [Row(*SYSCALL, 2, 41, 61), Row(*INT80, 1, 5, 0)]


def test_of_two_handovers_the_last_ends_the_entry(told: Told) -> None:
    told.enter(FAULT)
    told.run(3)
    told.hand_over()
    told.run(4)
    told.hand_over()
    told.run(5)
    told.close()
    assert told.ledger.rows() == [Row(*FAULT, 1, 7, 5)]


def test_a_crossing_without_a_handover_is_all_entry(told: Told) -> None:
    told.enter(INT80)
    told.run(9)
    told.close()
    assert told.ledger.rows() == [Row(*INT80, 1, 9, 0)]


def test_a_trap_in_the_kernel_opens_nothing(told: Told) -> None:
    told.enter(SYSCALL)
    told.run(10)
    told.ledger.trapped_in_kernel()
    told.run(5)
    told.hand_over()
    told.run(7)
    told.close()
    assert told.ledger.rows() == [Row(*SYSCALL, 1, 15, 7)]
    assert told.ledger.nested == 1


def test_a_line_that_was_asked_for_and_never_entered_is_not_shown(told: Told) -> None:
    told.ledger.line(*INT80)
    told.enter(SYSCALL)
    assert [row.mechanism for row in told.ledger.rows()] == ["syscall"]


def test_rows_stand_in_the_order_of_their_first_crossing(told: Told) -> None:
    for kind in (FAULT, SYSCALL, FAULT, INT80):
        told.enter(kind)
    assert [row[:2] for row in told.ledger.rows()] == [FAULT, SYSCALL, INT80]


def test_one_mechanism_of_two_abis_has_two_rows(told: Told) -> None:
    told.enter(("syscall", "i386"))
    told.enter(SYSCALL)
    assert len(told.ledger.rows()) == 2


def test_a_ledger_may_be_closed_and_go_on(told: Told) -> None:
    told.enter(SYSCALL)
    told.run(3)
    told.close()
    told.close()
    told.run(4)
    told.hand_over()
    told.run(5)
    told.close()
    assert told.ledger.rows() == [Row(*SYSCALL, 1, 7, 5)]


def test_a_new_ledger_is_empty(told: Told) -> None:
    told.close()
    assert (told.ledger.rows(), told.ledger.entry, told.ledger.exit) == ([], 0, 0)


def test_what_a_kernel_runs_before_the_first_crossing_belongs_to_none(told: Told) -> None:
    told.run(100)
    told.enter(SYSCALL)
    told.run(1)
    told.close()
    assert (told.ledger.entry, told.ledger.exit) == (1, 0)


@pytest.mark.parametrize("seed", range(50))
def test_entry_and_exit_are_all_that_the_kernel_executed(told: Told, seed: int) -> None:
    chance = random.Random(seed)
    told.enter(chance.choice((SYSCALL, INT80, FAULT)))
    crossings = 1
    for _ in range(200):
        told.run(chance.randrange(40))
        what = chance.randrange(4)
        if what == 0:
            told.enter(chance.choice((SYSCALL, INT80, FAULT)))
            crossings += 1
        elif what == 1:
            told.hand_over()
        elif what == 2:
            told.ledger.trapped_in_kernel()
        else:
            told.close()
    told.close()
    rows = told.ledger.rows()
    assert told.ledger.entry + told.ledger.exit == told.total
    assert told.ledger.entry == sum(row.entry for row in rows)
    assert told.ledger.exit == sum(row.exit for row in rows)
    assert sum(row.crossings for row in rows) == crossings
    assert all(row.entry >= 0 and row.exit >= 0 for row in rows)
