"""Looking at pages that nobody has touched: what a touch would show, and no page made."""

from __future__ import annotations

import pytest

from emu.x86.paging import PRESENT
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.mm.peek import peek
from tests.kernel.fakes import PAGE, FakeFile, a_space, pages_of, poke
from tests.kernel.fakes import peek as touch_and_read

RW = PROT_READ | PROT_WRITE
AT = 0x2000_0000
FILE = pages_of(3) + b"end"

# (rights, flags, the file or None, offset of the look, its size, what is seen)
LOOKS = [
    (RW, MAP_PRIVATE | MAP_ANONYMOUS, None, 0x10, 4, bytes(4)),
    (RW, MAP_SHARED | MAP_ANONYMOUS, None, 0x10, 4, bytes(4)),
    (PROT_READ, MAP_PRIVATE, FILE, PAGE + 7, 4, b"\1\1\1\1"),
    (PROT_READ, MAP_SHARED, FILE, 2 * PAGE, 4, b"\2\2\2\2"),
    (PROT_READ, MAP_PRIVATE, FILE, 3 * PAGE, 5, b"end\0\0"),
    (PROT_READ, MAP_PRIVATE, FILE, 4 * PAGE, 4, b""),
    (PROT_READ, MAP_PRIVATE, FILE, 2 * PAGE - 2, 100, b"\1\1"),
    (PROT_NONE, MAP_PRIVATE, FILE, 0, 4, b""),
]


@pytest.mark.parametrize(("prot", "flags", "content", "offset", "size", "seen"), LOOKS)
def test_a_look_shows_what_a_touch_would_and_makes_no_page(
    prot: int, flags: int, content: bytes | None, offset: int, size: int, seen: bytes
) -> None:
    space = a_space()
    file = None if content is None else FakeFile(content)
    space.mmap(AT, 5 * PAGE, prot, flags | MAP_FIXED, file)
    assert peek(space, AT + offset, size) == seen
    assert not space.tables.entry(AT + offset) & PRESENT
    if seen:
        assert touch_and_read(space, AT + offset, len(seen)) == seen


def test_a_shared_page_that_another_mapping_wrote_is_seen() -> None:
    space, file = a_space(), FakeFile(FILE)
    for at in (AT, AT + 0x10_0000):
        space.mmap(at, 2 * PAGE, RW, MAP_SHARED | MAP_FIXED, file)
    poke(space, AT + PAGE, b"new")
    assert peek(space, AT + 0x10_0000 + PAGE, 4) == b"new\1"


def test_where_nothing_is_mapped_nothing_is_seen() -> None:
    assert peek(a_space(), AT, 4) == b""
