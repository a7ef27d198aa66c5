"""A crossing as text, instruction by instruction."""

from __future__ import annotations

from emu.testing import Golden, Guest, MakeMachine
from tests.testing.kernels import IRET, SWAPGS, SYSRET, guest_with


def test_a_story_shows_each_instruction_and_what_it_changed(
    machine: MakeMachine, golden: Golden
) -> None:
    guest = guest_with(machine, "syscall", SWAPGS + "31c0" + SWAPGS + SYSRET)
    guest.run_until_user()
    golden(guest.story())


def test_a_return_as_text_says_who_changed_what(machine: MakeMachine, golden: Golden) -> None:
    golden(guest_with(machine, "int80", "b807000000" + IRET).run_until_user())


def test_a_long_story_leaves_out_its_middle(machine: MakeMachine) -> None:
    loop = "b9e8030000 ffc9 75fc"  # mov $1000, %ecx; 1: dec %ecx; jnz 1b
    guest = guest_with(machine, "int80", loop + IRET)
    guest.run_until_user()
    lines = guest.story().splitlines()
    assert "  ... 1603 instructions ..." in lines
    assert len(lines) < 500


def test_without_a_crossing_there_is_no_story(ring3: Guest) -> None:
    assert ring3.story() == "no crossing from ring 3 yet"
