"""A tracee's stops and steps, without a processor."""

from __future__ import annotations

import pytest

from emu.x86 import flags
from kernel_stub.abi.signals import SIGCHLD, SIGKILL, SIGSTOP, SIGTRAP, SIGUSR1, SIGUSR2
from kernel_stub.abi.tracing import EXIT_MESSAGE, TRACESYSGOOD, Event
from kernel_stub.pending import SigInfo
from kernel_stub.tracing.tracee import Kind, Mode, Tracee
from kernel_stub.waits import TaskEnded
from tests.tracing.world import CHILD, Pair


def code_of(tracee: Tracee) -> int:
    assert tracee.stop is not None, "it has stopped"
    return tracee.stop.code


def test_a_signal_stops_the_tracee_and_is_told_to_the_tracer() -> None:
    pair = Pair()
    tracee = pair.trace()
    tracee.sees(SigInfo(SIGUSR1))
    assert (code_of(tracee), pair.child.is_stopped) == (SIGUSR1, True)
    assert not pair.child.can_run


@pytest.mark.parametrize(("given", "arrives"), [(SIGUSR1, SIGUSR1), (SIGUSR2, SIGUSR2), (0, None)])
def test_the_tracer_decides_which_signal_arrives(given: int, arrives: int | None) -> None:
    pair = Pair()
    tracee = pair.trace()
    tracee.sees(SigInfo(SIGUSR1))
    tracee.resume(Mode(), given)
    assert tracee.goes_on()
    assert [sent.signal for sent in pair.kernel.delivered] == ([arrives] if arrives else [])
    assert not tracee.goes_on()


def test_a_signal_that_is_blocked_by_then_waits() -> None:
    pair = Pair()
    tracee = pair.trace()
    tracee.sees(SigInfo(SIGUSR1))
    pair.child.signal_mask = 1 << SIGUSR2 - 1
    tracee.resume(Mode(), SIGUSR2)
    tracee.goes_on()
    assert (pair.kernel.delivered, len(pair.child.pending)) == ([], 1)


def test_sigkill_ends_every_stop() -> None:
    pair = Pair()
    tracee = pair.trace()
    tracee.sees(SigInfo(SIGUSR1))
    pair.kernel.send(pair.child, SigInfo(SIGKILL))
    assert pair.child.can_run
    assert not tracee.goes_on()
    assert [sent.signal for sent in pair.kernel.delivered] == [SIGKILL]


def test_a_call_stops_at_both_ends_with_the_mark_that_was_asked_for() -> None:
    pair = Pair()
    tracee = pair.trace(TRACESYSGOOD)
    made: list[int] = []
    tracee.mode = Mode(stops_at_calls=True)
    pair.child.cpu = type("Context", (), {"frame_at": 64})
    tracee.enters_call(made.append)
    assert (code_of(tracee), made) == (SIGTRAP | 0x80, [])
    tracee.resume(Mode(stops_at_calls=True), 0)
    tracee.goes_on()
    assert made == [64]
    tracee.goes_on()
    assert (code_of(tracee), tracee.message) == (SIGTRAP | 0x80, EXIT_MESSAGE)


@pytest.mark.parametrize("way", ["emulated", "number"])
def test_a_call_that_is_taken_away_is_not_made(way: str) -> None:
    pair = Pair()
    tracee = pair.trace()
    made: list[int] = []
    tracee.mode = Mode(stops_at_calls=way == "number", emulates=way == "emulated")
    tracee.enters_call(made.append)
    pair.kernel.save(pair.child, "orig_rax", -1 if way == "number" else 39)
    tracee.resume(Mode(), 0)
    assert tracee.goes_on()
    assert made == []


def test_the_trap_flag_of_a_step_is_the_tracers_alone() -> None:
    pair = Pair()
    tracee = pair.trace()
    tracee.resume(Mode(steps=True), 0)
    assert pair.kernel.saved(pair.child, "rflags") & flags.TF
    tracee.resume(Mode(), 0)
    assert not pair.kernel.saved(pair.child, "rflags") & flags.TF


def test_a_step_leaves_the_programs_own_trap_flag() -> None:
    pair = Pair()
    tracee = pair.trace()
    pair.kernel.save(pair.child, "rflags", 0x202 | flags.TF)
    tracee.resume(Mode(steps=True), 0)
    tracee.resume(Mode(), 0)
    assert pair.kernel.saved(pair.child, "rflags") & flags.TF


def test_a_step_into_a_handler_stops_at_its_first_instruction() -> None:
    pair = Pair()
    tracee = pair.trace()
    pair.kernel.starts_handlers = True
    tracee.sees(SigInfo(SIGUSR1))
    tracee.resume(Mode(steps=True), SIGUSR1)
    tracee.goes_on()
    assert code_of(tracee) == SIGTRAP


@pytest.mark.parametrize("event", [Event.FORK, Event.EXEC, Event.VFORK_DONE, Event.EXIT])
def test_an_event_stops_only_who_is_asked_for_it(event: Event) -> None:
    assert not Pair().trace().event(event, 7)
    tracee = Pair().trace(1 << event)
    assert tracee.event(event, 7)
    assert (code_of(tracee), tracee.message) == (event << 8 | SIGTRAP, 7)


def test_a_tracee_that_has_been_seized_shows_group_stops_as_events() -> None:
    told = {}
    for seized in (False, True):
        tracee = Pair().trace(seized=seized)
        tracee.joins_stop(SIGSTOP)
        told[seized] = code_of(tracee)
        assert tracee.stop is not None
        assert tracee.stop.kind is Kind.GROUP
    assert told == {False: SIGSTOP, True: Event.STOP << 8 | SIGSTOP}


def test_who_listens_tells_anew_when_its_process_goes_on() -> None:
    tracee = Pair().trace(seized=True)
    tracee.joins_stop(SIGSTOP)
    tracee.is_told = True
    tracee.listen()
    tracee.continues()
    assert tracee.stop is None
    assert tracee.goes_on()
    assert (code_of(tracee), tracee.is_told) == (Event.STOP << 8 | SIGTRAP, False)


def test_the_end_may_be_a_stop_of_its_own_once() -> None:
    tracee = Pair().trace(1 << Event.EXIT)
    ended = TaskEnded(3)
    assert tracee.stops_to_end(ended)
    assert (tracee.message, tracee.stops_to_end(ended)) == (3 << 8, False)
    tracee.resume(Mode(), 0)
    with pytest.raises(TaskEnded):
        tracee.goes_on()


def test_what_has_begun_goes_on_without_a_tracer() -> None:
    pair = Pair()
    tracee = pair.trace()
    tracee.sees(SigInfo(SIGUSR1))
    tracee.resume(Mode(), SIGUSR1)
    tracee.part()
    assert pair.child.tracer_pid == 0
    while pair.child.tracing is not None:
        assert tracee.goes_on()
    assert [sent.signal for sent in pair.kernel.delivered] == [SIGUSR1]


def test_each_stop_sends_sigchld() -> None:
    pair = Pair()
    pair.tracer.process.actions[SIGCHLD] = (0x1000).to_bytes(8, "little") + bytes(24)
    pair.trace().sees(SigInfo(SIGUSR1))
    sent = pair.tracer.take_signal(-1)
    assert sent is not None
    assert (sent.signal, sent.pid, sent.status) == (SIGCHLD, CHILD, SIGUSR1)
