"""The commands of `monitor`: each row is usable, and what is wrong is said in a line."""

from __future__ import annotations

import pytest

from emu.gdb import monitor
from emu.gdb.session import Session
from emu.gdb.target import Reason, Stop
from tests.gdb.fake_target import FakeTarget
from tests.gdb.test_adapter import a_target


def ask(command: str, target: FakeTarget | None = None) -> str:
    return monitor.answer(Session(target or FakeTarget(), lambda body: None), command)


# (command, a line of what it shows)
SHOWN = [
    ("info idt", "about idt None"),
    ("info idt 0x80", "about idt 128"),
    ("  stat ", "about traps None"),
    ("info traps", "about traps None"),
    ("page 0x401000", f"about page {0x401000}"),
    ("symbols entry", "0000000000401000 T entry_SYSCALL_64"),
    ("help", "page ADDRESS         the page walk of a linear address"),
]


@pytest.mark.parametrize(("command", "line"), SHOWN)
def test_a_command_shows(command: str, line: str) -> None:
    assert line in ask(command).splitlines()


@pytest.mark.parametrize("row", monitor.COMMANDS, ids=lambda row: row.words)
def test_every_command_shows_something_of_a_real_machine(row: monitor.Command) -> None:
    argument = {"ADDRESS": "0x401000", "[PART]": "entry", "[VECTOR]": "14"}.get(row.argument, "")
    session = Session(a_target(), lambda body: None)
    shown = monitor.answer(session, f"{row.words} {argument}")
    assert not shown.startswith(f"{row.words}: ")
    assert shown.strip()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "no such command"),
        ("info", "no such command"),
        ("info nothing", "no such command"),
        ("page", "page: use it as `monitor page ADDRESS`"),
        ("page here", "page: 'here' is no number"),
        ("page 0x1ffffffffffffffff", "out of bounds"),
        ("info idt 0x666", "info idt: no such vector"),
        ("info idt 1 2", "use it as `monitor info idt [VECTOR]`"),
        ("info gdt 1", "use it as `monitor info gdt`"),
        ("symbols nothing", "no symbol of the kernel has 'nothing' in its name"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(command: str, said: str) -> None:
    answer = ask(command)
    assert said in answer
    assert answer.count("\n") == 1


@pytest.mark.parametrize("command", ["info idt 256", "info idt 0xffffffffffffffff", "page 1"])
def test_a_real_machine_has_an_answer_to_odd_numbers(command: str) -> None:
    session = Session(a_target(), lambda body: None)
    assert monitor.answer(session, command).strip()


def test_an_ended_program_has_no_tables_but_a_ledger() -> None:
    target = FakeTarget()
    target.stop = Stop(Reason.EXITED)
    assert ask("info idt", target) == "info idt: the program has ended\n"
    assert ask("stat", target) == "about traps None\n"
