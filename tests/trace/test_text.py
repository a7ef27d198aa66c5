"""Strings, sets and numbers are written as strace writes them."""

from __future__ import annotations

import pytest

from kernel_stub.trace import text


@pytest.mark.parametrize(
    ("data", "limit", "written"),
    [
        (b"plain", 32, '"plain"'),
        (b'a\n\t\r\v\f"\\', 32, r'"a\n\t\r\v\f\"\\"'),
        (b"\0x", 32, r'"\0x"'),
        (b"\x007", 32, r'"\0007"'),
        (b"\x7fELF\2\1", 32, r'"\177ELF\2\1"'),
        (b"12345678", 4, '"1234"...'),
        (b"1234", 4, '"1234"'),
        (b"", 4, '""'),
        (b"\xc3\xa4", 32, r'"\303\244"'),
    ],
)
def test_a_string_is_quoted(data: bytes, limit: int, written: str) -> None:
    assert text.quoted(data, limit) == written


def test_what_is_cut_says_so_also_where_the_rest_was_not_read() -> None:
    assert text.quoted(b"1234", 4, is_cut=True) == '"1234"...'
    assert text.in_hex(b"\x01\xff\x00", 2) == r'"\x01\xff"...'


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "000"), (0o22, "022"), (0o644, "0644"), (0o4755, "04755"), (5, "05".rjust(3, "0"))],
)
def test_permissions_are_octal(value: int, written: str) -> None:
    assert text.octal(value) == written


BITS = {"A": 1, "B": 2, "BOTH": 12, "C": 4}


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (1, "A"), (3, "A|B"), (12, "BOTH"), (4, "C"), (0x13, "A|B|0x10"), (0x10, "0x10")],
)
def test_flags_are_named_and_the_rest_is_a_number(value: int, written: str) -> None:
    assert text.bits(value, BITS) == written


def test_a_number_without_a_name_says_what_it_should_have_been() -> None:
    assert text.one_of(0, {0: "SEEK_SET"}, "SEEK_") == "SEEK_SET"
    assert text.one_of(9, {0: "SEEK_SET"}, "SEEK_") == "0x9 /* SEEK_??? */"


@pytest.mark.parametrize(
    ("mask", "written"),
    [
        (0, "[]"),
        (1 << 1 | 1 << 16, "[INT CHLD]"),
        (1 << 31 | 1 << 33, "[RTMIN RT_2]"),
        ((1 << 64) - 1, "~[]"),
        ((1 << 64) - 1 & ~(1 << 8), "~[KILL]"),
    ],
)
def test_a_set_of_signals_is_told_by_its_shorter_side(mask: int, written: str) -> None:
    assert text.signal_set(mask) == written


def test_an_address_that_is_none_is_null() -> None:
    assert (text.address(0), text.address(0x10)) == ("NULL", "0x10")
