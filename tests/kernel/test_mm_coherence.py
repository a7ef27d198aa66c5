"""A file and its mappings: what one changes, the other sees, and pages behind the end vanish."""

from __future__ import annotations

from kernel_stub.mm.flags import MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE
from tests.kernel.fakes import PAGE, READ, FakeFile, a_space, pages_of, peek, poke

BOTH = PROT_READ | PROT_WRITE


def test_shared_pages_are_what_the_file_says_and_says_them() -> None:
    space, file = a_space(), FakeFile(pages_of(2))
    at = space.mmap(0, 2 * PAGE, BOTH, MAP_SHARED, file)
    poke(space, at + 5, b"stored")
    assert file.content(0, 12) == b"\0\0\0\0\0stored\0"
    file.mapped.changed(PAGE - 2, b"abcd")
    assert peek(space, at + PAGE - 2, 2) == b"ab"
    assert peek(space, at + PAGE, 1) == b"\1"  # not in memory: the file was not written here


def test_a_private_page_follows_the_file_until_it_is_written() -> None:
    space, file = a_space(), FakeFile(pages_of(2))
    at = space.mmap(0, 2 * PAGE, BOTH, MAP_PRIVATE, file)
    assert peek(space, at + PAGE, 1) == b"\1"
    poke(space, at, b"mine")
    for offset, data in ((0, b"file"), (PAGE, b"new")):
        file.mapped.changes(offset, len(data))
        file.write_at(None, offset, data)
        file.mapped.changed(offset, data)
    assert peek(space, at, 4) == b"mine"
    assert peek(space, at + PAGE, 3) == b"new"


def test_pages_behind_the_end_vanish_from_every_space() -> None:
    space, file = a_space(), FakeFile(pages_of(3))
    shared = space.mmap(0, 3 * PAGE, BOTH, MAP_SHARED, file)
    private = space.mmap(0, 3 * PAGE, BOTH, MAP_PRIVATE, file)
    twin = space.fork(space.tables)
    for base in (shared, private):
        poke(space, base + 2 * PAGE, b"x")
    poke(space, shared + PAGE + 9, b"tail")
    del file.bytes[PAGE + 10 :]
    file.mapped.resized(PAGE + 10)
    for base in (shared, private):
        assert not space.fault(base + 2 * PAGE, READ)
        assert not twin.fault(base + 2 * PAGE, READ)
    assert peek(space, shared + PAGE + 9, 4) == b"t\0\0\0"


def test_a_file_knows_whether_somebody_may_store() -> None:
    space, file = a_space(), FakeFile(pages_of(1))
    private = space.mmap(0, PAGE, BOTH, MAP_PRIVATE, file)
    assert not file.mapped.is_writable()
    shared = space.mmap(0, PAGE, PROT_READ, MAP_SHARED, file)
    assert file.mapped.is_writable()
    space.munmap(shared, PAGE)
    assert not file.mapped.is_writable()
    space.munmap(private, PAGE)


def test_a_private_page_shows_what_a_shared_mapping_stored() -> None:
    space, file = a_space(), FakeFile(pages_of(2))
    private = space.mmap(0, 2 * PAGE, BOTH, MAP_PRIVATE, file)
    assert peek(space, private, 1) == b"\0"
    shared = space.mmap(0, 2 * PAGE, BOTH, MAP_SHARED, file)
    for page in range(2):
        poke(space, shared + page * PAGE, b"s")
        assert peek(space, private + page * PAGE, 1) == b"s"
    poke(space, private, b"mine")
    poke(space, shared, b"once more")
    assert (peek(space, private, 4), file.content(0, 4)) == (b"mine", b"once")
    space.munmap(shared, 2 * PAGE)
    assert (peek(space, private, 4), peek(space, private + PAGE, 1)) == (b"mine", b"s")
    space.munmap(private, 2 * PAGE)
    assert not space.shared_files.find(file)
