"""Several tasks under the debugger: told, selected, stepped, and taken back."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import pytest

from emu.debug import news, points, stops
from emu.debug.core import Debugger
from emu.debug.news import News
from emu.debug.position import Position
from emu.errors import UsageError
from tests.debug.sessions import debug
from tests.debug.test_core import address_of
from tests.debug.test_history import state

FIRST: Final = 1000


def at_the_thread(name: str = "tasks_64") -> Debugger:
    """Where the thread, which is task 1002, has just entered its function."""
    debugger = debug(name)
    point = debugger.points.add(points.BREAK, address_of(debugger, "in_the_thread"))
    assert debugger.resume().kind == stops.BREAKPOINT
    debugger.points.remove(point.number)
    return debugger


@pytest.mark.parametrize("name", ["tasks_64", "tasks_32"])
def test_all_that_becomes_of_tasks_is_told_in_order(name: str) -> None:
    debugger = debug(name)
    told: list[News] = []
    debugger.hear(told.append)
    debugger.handling.change("SIGUSR1", ["nostop"])
    assert debugger.resume().kind == stops.ENDED
    kinds = [(one.kind, one.task, one.text) for one in told]
    assert kinds[0] == (news.FORK, FIRST, "")
    assert set(kinds[1:]) == {
        (news.CLONE, FIRST, ""),
        (news.EXIT, FIRST + 1, ""),
        (news.EXIT, FIRST + 2, ""),
        (news.SIGNAL, FIRST, "SIGUSR1"),
        (news.SIGNAL, FIRST, "SIGCHLD"),
        (news.EXIT, FIRST, ""),
    } or ("SIGCHLD" not in str(kinds))
    assert [one.other for one in told if one.kind == news.EXIT and one.task == FIRST] == [3]


@pytest.mark.parametrize("name", ["tasks_64", "tasks_32"])
@pytest.mark.parametrize(
    ("kind", "what", "task"),
    [
        (points.CATCH_FORK, "", FIRST),
        (points.CATCH_CLONE, "", FIRST),
        (points.CATCH_SIGNAL, "SIGUSR1", FIRST),
        (points.CATCH_EXIT, "", FIRST + 1),
    ],
)
def test_a_catchpoint_stops_at_what_it_is_for(name: str, kind: str, what: str, task: int) -> None:
    debugger = debug(name)
    debugger.handling.change("SIGUSR1", ["nostop"])
    point = debugger.points.add(kind, what=what)
    stop = debugger.resume()
    assert (stop.kind, stop.points) == (stops.NEWS, (point,))
    assert stop.news is not None
    if kind != points.CATCH_EXIT:
        assert (stop.news.task, stop.task, stop.cpl) == (task, task, 3)
    assert debugger.reverse_resume().kind == stops.BEGINNING


def test_a_breakpoint_is_for_every_task_or_for_one() -> None:
    for task, tasks in ((0, [FIRST, FIRST + 1, FIRST]), (FIRST + 1, [FIRST + 1])):
        debugger = debug("tasks_64")
        debugger.handling.change("SIGUSR1", ["nostop"])
        point = debugger.points.add(points.BREAK, address_of(debugger, "compute"))
        point.task = task
        seen = []
        while (stop := debugger.resume()).kind == stops.BREAKPOINT:
            seen.append(stop.task)
        expected = [*tasks, FIRST + 2] if not task else tasks
        assert sorted(seen) == sorted(expected[:2] + expected[3:] if not task else expected)


def test_a_task_that_waits_is_looked_at_with_its_own_registers_and_memory() -> None:
    debugger = at_the_thread()
    assert debugger.task == FIRST + 2
    own = state(debugger)
    pointer = debugger.read_register("rsp")
    debugger.select(FIRST)
    assert (debugger.task, debugger.cpl) == (FIRST, 0)
    assert debugger.read_register("rsp") != pointer
    frame = debugger.guest.saved_frame()
    assert frame is not None
    assert frame[1]["orig_rax"] == 202  # it waits in futex(2)
    debugger.select(FIRST + 2)
    assert state(debugger) == own
    with pytest.raises(UsageError, match="no task 7 lives"):
        debugger.select(7)


def test_what_is_changed_in_a_task_that_waits_it_finds_when_it_runs() -> None:
    debugger = at_the_thread()
    debugger.select(FIRST)
    debugger.write_register("r12", 0x1234)
    debugger.step()
    assert debugger.task == FIRST
    assert debugger.read_register("r12") == 0x1234


def test_a_step_of_a_task_that_waits_lets_the_others_run_until_its_turn() -> None:
    debugger = at_the_thread()
    debugger.select(FIRST)
    before = debugger.rip
    stop = debugger.step()
    assert (stop.kind, stop.task) == (stops.STEPPED, FIRST)
    assert debugger.rip != before
    assert [task.number for task in debugger.guest.tasks()] in ([FIRST], [FIRST, FIRST + 1])


def test_next_over_a_call_that_waits_ends_in_the_same_task() -> None:
    debugger = debug("tasks_64")
    debugger.handling.change("SIGUSR1", ["nostop"])
    debugger.points.add(points.CATCH_CALL, what="futex")
    stop = debugger.resume()
    debugger.points.clear()
    assert stop.crossing is not None
    debugger.go_to(Position(*(number - 1 for number in stop.position)))
    assert debugger.next().task == FIRST
    assert (debugger.cpl, debugger.rip) == (3, stop.crossing.event.from_rip + 2)


def test_a_signal_can_be_kept_from_the_program_and_sent_to_it() -> None:
    debugger = debug("tasks_64")
    stop = debugger.resume()
    assert stop.news == News(news.SIGNAL, FIRST, FIRST, "SIGUSR1")
    assert debugger.rip == address_of(debugger, "handler")
    debugger.drop_signal()
    assert debugger.resume().ending == (2, 0, "", "")
    debugger.reverse_resume()
    debugger.handling.change("SIGUSR1", ["nopass", "nostop"])
    debugger.run_to({address_of(debugger, "compute")})
    debugger.send_signal("SIGUSR2")
    ending = debugger.resume().ending
    assert ending is not None
    assert ending.signal_name == "SIGUSR2"


def test_a_signal_that_was_dropped_is_dropped_again_when_the_past_is_run_again() -> None:
    debugger = debug("tasks_64")
    debugger.resume()
    debugger.drop_signal()
    debugger.resume()
    assert debugger.guest.ending() == (2, 0, "", "")
    debugger.reverse_step(5)
    while not debugger.has_ended:
        debugger.step()
    assert debugger.guest.ending() == (2, 0, "", "")


# A thousand steps that cross an exchange by the timer, and exchanges because a task waits or ends.
@pytest.mark.parametrize(
    ("name", "start", "least"),
    [("tasks_64", 3_617_600, 1), ("tasks_32", 6_853_700, 1), ("tasks_64", 11_202_800, 1)],
)
def test_steps_back_and_forward_over_exchanges_of_tasks_give_identical_states(
    name: str, start: int, least: int
) -> None:
    debugger = debug(name)
    debugger.handling.change("SIGUSR1", ["nostop"])
    debugger.run_to_instruction(start)
    states, tasks = [state(debugger)], [debugger.task]
    while len(states) <= 1000 and not debugger.has_ended:
        debugger.step()
        states.append(state(debugger))
        tasks.append(debugger.task)
    assert sum(one != other for one, other in pairwise(tasks)) >= least
    for expected in reversed(states[:-1]):
        assert debugger.reverse_step().kind == stops.STEPPED
        assert state(debugger) == expected
    for expected in states[1:]:
        debugger.step()
        assert state(debugger) == expected


def test_the_timer_rings_at_the_same_instruction_whether_one_runs_or_steps() -> None:
    run, stepped = debug("tasks_64"), debug("tasks_64")
    run.points.add(points.CATCH_CROSSING, what="interrupt")
    rang = run.resume().position
    stepped.run_to_instruction(rang.instructions - 50)
    while stepped.position < rang:
        stepped.step()
    assert state(stepped) == state(run)
