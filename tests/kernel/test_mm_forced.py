"""What a debugger reads and writes, whatever the rights of pages are."""

from __future__ import annotations

import pytest

from kernel_stub.errno import Errno
from kernel_stub.mm import AddressSpace, forced
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_EXEC,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.usermem import UserMemory
from tests.kernel.fakes import MIB, PAGE, a_space

AT = 0x40_0000


def space_with(prot: int, kind: int = MAP_PRIVATE) -> AddressSpace:
    """Two pages at AT, the first with "old" at its end, whose rights are `prot`."""
    space = a_space(4 * MIB)
    space.mmap(AT, 2 * PAGE, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_FIXED)
    UserMemory(space).copy_out(AT + PAGE - 3, b"old")
    space.mprotect(AT, 2 * PAGE, prot)
    return space


@pytest.mark.parametrize("prot", [PROT_NONE, PROT_READ, PROT_EXEC, PROT_READ | PROT_WRITE])
def test_every_mapped_page_is_read(prot: int) -> None:
    assert forced.read(space_with(prot), AT + PAGE - 3, 4) == b"old\0"


def test_reading_ends_where_nothing_is_mapped() -> None:
    space = space_with(PROT_READ)
    assert forced.read(space, AT + PAGE, 2 * PAGE) == bytes(PAGE)
    assert forced.read(space, AT - 1, 8) == b""


@pytest.mark.parametrize("prot", [PROT_READ, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE])
def test_private_pages_are_written_and_keep_their_rights(prot: int) -> None:
    space = space_with(prot)
    assert forced.write(space, AT + PAGE - 2, b"new!") == 4
    assert forced.read(space, AT + PAGE - 3, 5) == b"onew!"
    if not prot & PROT_WRITE:
        with pytest.raises(Errno):
            UserMemory(space).copy_out(AT, b"x")


def test_a_page_that_another_space_shows_too_is_copied_first() -> None:
    space = space_with(PROT_READ)
    other = space.fork(space.tables)
    assert forced.write(space, AT + PAGE - 3, b"new") == 3
    assert forced.read(other, AT + PAGE - 3, 3) == b"old"


@pytest.mark.parametrize(("prot", "kind"), [(PROT_NONE, MAP_PRIVATE), (PROT_READ, MAP_SHARED)])
def test_what_nobody_could_make_writable_is_refused(prot: int, kind: int) -> None:
    assert forced.write(space_with(prot, kind), AT, b"new") == 0


def test_writing_ends_where_nothing_is_mapped() -> None:
    space = space_with(PROT_READ)
    assert forced.write(space, AT + 2 * PAGE - 2, b"new") == 2
