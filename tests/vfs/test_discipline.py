"""The line discipline: keys in; lines, echoes and signals out."""

from __future__ import annotations

import pytest

from kernel_stub.vfs.discipline import ECHO, ICANON, ISIG, Discipline

# the keys, the lines that can be read, what is shown
TYPED = (
    (b"hello\n", [b"hello\n"], b"hello\r\n"),
    (b"hello\r", [b"hello\n"], b"hello\r\n"),
    (b"help\x7flo\n", [b"hello\n"], b"help\b \blo\r\n"),
    (b"one two\x17\n", [b"one \n"], b"one two\b \b\b \b\b \b\r\n"),
    (b"gone\x15back\n", [b"back\n"], b"gone" + b"\b \b" * 4 + b"back\r\n"),
    (b"part\x04", [b"part"], b"part"),
    (b"\x04", [b""], b""),
    (b"\x01\t\n", [b"\x01\t\n"], b"^A\t\r\n"),
    (b"\x16\x03\n", [b"\x03\n"], b"^\b^C\r\n"),
    (b"a\nb\n", [b"a\n", b"b\n"], b"a\r\nb\r\n"),
)


def typed(discipline: Discipline, keys: bytes) -> list[int]:
    return [signal for key in keys if (signal := discipline.type(key))]


@pytest.mark.parametrize(("keys", "lines", "shown"), TYPED)
def test_what_becomes_of_keys(keys: bytes, lines: list[bytes], shown: bytes) -> None:
    discipline = Discipline()
    assert typed(discipline, keys) == []
    assert list(discipline.lines) == lines
    assert discipline.take_echo() == shown


@pytest.mark.parametrize(
    ("key", "signal", "shown"), [(3, 2, b"^C"), (28, 3, b"^\\"), (26, 20, b"^Z")]
)
def test_a_key_that_is_a_signal_forgets_the_line(key: int, signal: int, shown: bytes) -> None:
    discipline = Discipline()
    typed(discipline, b"lost")
    discipline.take_echo()
    assert typed(discipline, bytes((key,))) == [signal]
    assert discipline.take_echo() == shown
    assert not discipline.has_input(1)
    discipline.settings.local &= ~ISIG
    assert typed(discipline, bytes((key,))) == []


def test_a_raw_terminal_gives_bytes_as_they_come() -> None:
    discipline = Discipline()
    discipline.settings.local &= ~(ICANON | ECHO)
    assert not discipline.has_input(1)
    typed(discipline, b"a\x7fb\r")
    assert discipline.has_input(4)
    assert discipline.take(2) == b"a\x7f"
    assert discipline.take(9) == b"b\n"
    assert discipline.take_echo() == b""


def test_lines_that_wait_become_bytes_when_the_terminal_turns_raw() -> None:
    discipline = Discipline()
    typed(discipline, b"line\nrest")
    raw = Discipline().settings
    raw.local &= ~ICANON
    discipline.set(raw.packed())
    assert discipline.take(100) == b"line\nrest"


def test_a_long_line_is_read_in_parts() -> None:
    discipline = Discipline()
    typed(discipline, b"hello\n")
    assert discipline.take(2) == b"he"
    assert discipline.take(9) == b"llo\n"
    assert not discipline.has_input(1)


def test_written_newlines_return_the_carriage() -> None:
    discipline = Discipline()
    assert discipline.written(b"a\nb\r") == b"a\r\nb\r"
    discipline.settings.output = 0
    assert discipline.written(b"a\n") == b"a\n"
