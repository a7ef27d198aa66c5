"""Both counters stay exact when the machine is stopped in the middle: by a limit, a hook, a thread.

The registers of the program tell how many instructions really retired.
"""

from __future__ import annotations

import threading
from typing import Final

import pytest

from emu.errors import Shutdown
from emu.x86 import flags
from emu.x86.vectors import DB
from tests.cpu.assembler import code
from tests.cpu.machine_builder import CODE, COUNTERS, DATA, TEXT, Guest, handler

# A block of three instructions, over and over; the offset of RIP tells which comes next.
LOOP: Final = "again: inc rax; inc rbx; jmp again"
OFFSETS: Final = {0: 0, 3: 1, 6: 2}

pytestmark = pytest.mark.parametrize("counter", COUNTERS)


def looping(counter: str) -> Guest:
    guest = Guest(counter=counter)
    guest.write(CODE, code(LOOP))
    guest.put()
    return guest


def retired(guest: Guest) -> int:
    """How many instructions of LOOP did something."""
    seen = guest.seen(0)
    place = OFFSETS[seen.rip - CODE]
    rounds = seen.gpr("rbx") if place != 1 else seen.gpr("rax") - 1
    return 3 * (rounds - (place == 2)) + place


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 100, 1000, 10_000])
def test_a_limit_stops_within_one_block_and_the_count_is_exact(counter: str, limit: int) -> None:
    guest = looping(counter)
    assert guest.machine.run(limit) is True
    assert guest.machine.counter.user == retired(guest)
    assert limit - 3 <= guest.machine.counter.user <= limit + 3


def test_a_limit_may_be_given_again_and_again(counter: str) -> None:
    guest = looping(counter)
    for _ in range(20):
        before = guest.machine.counter.user
        assert guest.machine.run(50) is True
        assert guest.machine.counter.user == retired(guest)
        assert 47 <= guest.machine.counter.user - before <= 53


def finite(counter: str) -> Guest:
    """A program of 1 + 200 + 1 instructions."""
    guest = Guest(counter=counter)
    guest.write(handler(0x80), code("vmcall"))
    guest.write(CODE, code("mov ecx, 100; again: dec ecx; jnz again; int 0x80"))
    guest.put()
    guest.attach()
    return guest


def test_a_limit_that_is_not_reached_stops_nothing(counter: str) -> None:
    guest = finite(counter)
    assert guest.machine.run(1000) is False
    assert guest.machine.counter.user == 202


def test_a_program_goes_on_after_a_limit_where_it_was(counter: str) -> None:
    guest = finite(counter)
    assert guest.machine.run(50) is True
    assert guest.machine.run(1000) is False
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (202, 1)


def test_a_limit_that_was_reached_does_not_bind_the_next_run(counter: str) -> None:
    guest = finite(counter)
    assert guest.machine.run(50) is True
    assert guest.machine.run() is False
    assert guest.machine.counter.user == 202


def test_a_limit_that_was_not_reached_does_not_bind_the_next_run(counter: str) -> None:
    guest = finite(counter)
    guest.machine.run(300)
    guest.put()
    guest.machine.run()
    assert guest.machine.counter.user == 404


def test_a_jump_to_itself_is_stopped_by_a_limit(counter: str) -> None:
    guest = Guest(counter=counter)
    guest.write(CODE, code("again: jmp again"))
    guest.put()
    assert guest.machine.run(1000) is True
    assert 999 <= guest.machine.counter.user <= 1001


def test_the_kernel_spends_the_limit_too(counter: str) -> None:
    guest = Guest(counter=counter)
    guest.write(TEXT + 0x2000, code("again: jmp again"))
    guest.put_kernel(TEXT + 0x2000)
    assert guest.machine.run(100) is True
    assert guest.machine.counter.user == 0
    assert 99 <= guest.machine.counter.kernel <= 101


def test_another_thread_may_stop_the_machine(counter: str) -> None:
    guest = looping(counter)
    ended = threading.Event()

    def stop_until_ended() -> None:
        while not ended.wait(0.001):
            guest.engine.stop()

    thread = threading.Thread(target=stop_until_ended)
    thread.start()
    exhausted = guest.machine.run()
    ended.set()
    thread.join()
    assert exhausted is False
    assert guest.machine.counter.user == retired(guest)


# ---- a stop in the middle of a block


def stopped_at_rdtsc(counter: str, text: str) -> Guest:
    guest = finite(counter)
    guest.write(CODE, code(text))
    guest.engine.hook_rdtsc(guest.engine.stop)
    return guest


def test_a_hook_that_stops_in_mid_block_leaves_an_exact_count(counter: str) -> None:
    guest = stopped_at_rdtsc(
        counter, "nop; rdtsc; nop; nop; jmp next; next: nop; nop; jmp last; last: int 0x80"
    )
    guest.run()
    lengths = [1, 2, 1, 1, 2, 1, 1, 2, 2]
    ends = {CODE + sum(lengths[:n]): n for n in range(len(lengths) + 1)}
    assert guest.machine.counter.user == ends[guest.engine.rip()]
    guest.run()
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (9, 1)


def test_a_callback_that_raises_leaves_an_exact_count(counter: str) -> None:
    guest = finite(counter)

    def fail(_call: int) -> None:
        raise ValueError("of the kernel")

    guest.attach(fail)
    with pytest.raises(ValueError, match="of the kernel"):
        guest.run()
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (202, 1)


def shut_down_at(counter: str, instruction: str) -> Guest:
    guest = finite(counter)
    guest.write(CODE, code(f"nop; nop; {instruction}; nop"))
    for vector in (0x80, 13, 11, 8):
        guest.change_gate(vector, present=0)
    with pytest.raises(Shutdown):
        guest.run()
    return guest


def test_a_shutdown_by_a_fault_leaves_an_exact_count(counter: str) -> None:
    guest = shut_down_at(counter, "hlt")
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (2, 0)


def test_a_shutdown_by_int_n_leaves_an_exact_count(counter: str) -> None:
    guest = shut_down_at(counter, "int 0x80")
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (2, 0)


@pytest.mark.xfail(reason="each turn of a single-stepped rep is counted, not the instruction")
def test_a_rep_that_is_single_stepped_counts_once(counter: str) -> None:
    guest = finite(counter)
    guest.write(handler(DB), code("iretq"))
    guest.write(CODE, code("rep stosb byte ptr [rdi], al; nop; int 0x80"))
    guest.put(rflags=flags.IF | flags.TF, rdi=DATA, rcx=3)
    guest.run()
    assert guest.machine.counter.user == 3


# ---- what the machine offers beside


def test_two_rings_add_to_two_totals(counter: str) -> None:
    guest = finite(counter)
    guest.write(handler(0x80), code("nop; nop; iretq"))
    guest.write(CODE, code("int 0x80; nop; int 0x80; ud2"))
    guest.write(handler(6), code("vmcall"))
    guest.put()
    guest.run()
    found = guest.machine.counter
    assert (found.user, found.kernel) == (3, 3 + 3 + 1)
    assert list(found.totals[:2]) == [found.user, found.kernel]


def test_a_count_can_be_adjusted_for_one_ring(counter: str) -> None:
    guest = Guest(counter=counter)
    guest.machine.counter.adjust(0, 5)
    guest.machine.counter.adjust(1, 7)
    guest.machine.counter.adjust(0, -2)
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (3, 7)


def test_two_machines_count_each_for_itself(counter: str) -> None:
    first, second = finite(counter), finite(counter)
    first.run()
    assert (first.machine.counter.user, second.machine.counter.user) == (202, 0)
    second.run()
    assert (first.machine.counter.user, second.machine.counter.user) == (202, 202)


def test_two_runs_of_one_program_count_the_same_and_end_the_same(counter: str) -> None:
    ends = []
    for _ in range(2):
        guest = finite(counter)
        guest.machine.run(77)
        ends.append((guest.seen(), guest.machine.counter.user))
    assert ends[0] == ends[1]
