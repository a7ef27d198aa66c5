"""Each delivery through random tables ends as the manual's list of steps says, or not at all.

The oracle is manual.py. SDM 2A, "INT n/INTO/INT3/INT1"; SDM 3A, "Interrupt and Exception Handling
in 64-bit Mode".
"""

from __future__ import annotations

from functools import cache

from hypothesis import assume, given

from emu.errors import Shutdown
from emu.events import Entered
from emu.x86 import vectors
from tests.golden import State
from tests.properties import cases, manual
from tests.properties.manual import Arrival, outcome
from tests.properties.worlds import (
    Cause,
    Left,
    Machine,
    World,
    causes,
    event_of,
    lefts,
    worlds,
)


@cache
def machine() -> Machine:
    return Machine()


def arrival(seen: State, frame_words: int) -> tuple[object, ...]:
    """What the machine shows, in the oracle's words."""
    ss, cs = seen.ss.selector, seen.cs.selector
    words = machine().guest.words(seen.gpr("rsp"), frame_words)
    return seen.cpl, seen.rip, seen.gpr("rsp"), seen.rflags, cs, ss, words


@cases(1200)
@given(worlds, causes, lefts)
def test_a_delivery_follows_the_manuals_list_or_raises_its_fault(
    world: World, cause: Cause, left: Left
) -> None:
    assume((left.ring, left.long) in cause.modes)
    tables, before = machine().place(world, cause, left)
    expected = outcome(tables, before, event_of(cause, before))
    seen = machine().run(cause)
    refusals = tuple((r.raised, r.error_code) for r in machine().guest.refusals)
    if isinstance(expected, manual.Shutdown):
        assert isinstance(seen, Shutdown)
        names = " -> ".join(vectors.mnemonic(number) for number in expected.vectors)
        assert names in str(seen)
        return
    assert isinstance(seen, State), seen
    assert refusals == expected.raised
    assert arrival(seen, len(expected.frame)) == expected[1:8]
    (entered,) = [event for event in machine().guest.events if isinstance(event, Entered)]
    assert (entered.vector, entered.from_cpl) == (expected.vector, left.ring)
    assert entered.entry_rip == expected.rip


def test_the_oracle_knows_every_kind_of_end() -> None:
    """A claim about random cases is worth what the cases reach."""
    ends: set[object] = set()

    @cases(1500)
    @given(worlds, causes, lefts)
    def look(world: World, cause: Cause, left: Left) -> None:
        assume((left.ring, left.long) in cause.modes)
        tables, before = machine().place(world, cause, left)
        end = outcome(tables, before, event_of(cause, before))
        machine().run(cause)
        if isinstance(end, Arrival):
            ends.update(end.raised)
            ends.add(("cpl", before.cpl, end.cpl))
        else:
            ends.add("shutdown")

    look()
    raised = {pair[0] for pair in ends if isinstance(pair, tuple) and len(pair) == 2}
    levels = {end[1:] for end in ends if isinstance(end, tuple) and len(end) == 3}
    assert raised == {10, 11, 12, 13, 14}
    assert levels >= {(3, 0), (3, 3), (0, 0)}
    assert levels & {(3, 1), (3, 2)}
    assert "shutdown" in ends
