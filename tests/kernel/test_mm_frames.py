"""Frames of files are shared by name and content, and never by what may be written."""

from __future__ import annotations

import pytest

from emu.errors import OutOfFrames
from emu.memory.physical import MINIMUM_SIZE
from emu.x86.paging import ADDRESS_MASK
from kernel_stub.errno import ENOMEM, Errno
from kernel_stub.mm import AddressSpace
from kernel_stub.mm.flags import MAP_NORESERVE, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE
from tests.kernel.fakes import PAGE, READ, WRITE, FakeFile, a_space, pages_of

TEXT, DATA = PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE


def mapped(space: AddressSpace, file: FakeFile, prot: int, flags: int = 0) -> int:
    address = space.mmap(0, len(file.bytes), prot, MAP_PRIVATE | flags, file)
    assert space.fault(address, READ)
    return address


def frame(space: AddressSpace, address: int) -> int:
    return space.tables.entry(address) & ADDRESS_MASK


def beside(space: AddressSpace) -> AddressSpace:
    return AddressSpace(space.frames.physical, space.frames.cpu, beside=space)


def test_two_spaces_share_the_frames_of_a_text() -> None:
    space, file = a_space(), FakeFile(pages_of(3))
    other = beside(space)
    first, second = mapped(space, file, TEXT), mapped(other, file, TEXT)
    assert [frame(space, first + PAGE * n) for n in range(3)] == [
        frame(other, second + PAGE * n) for n in range(3)
    ]


def test_a_program_that_comes_again_finds_its_frames_and_their_translations() -> None:
    space, file = a_space(), FakeFile(pages_of(2))
    other = beside(space)
    old = frame(space, mapped(space, file, TEXT))
    space.release()
    assert frame(other, mapped(other, file, TEXT)) == old
    assert space.frames.cpu.code_flushes == 0  # type: ignore[attr-defined]  # a fake one


def test_a_file_that_changed_meanwhile_has_another_frame() -> None:
    space, file = a_space(), FakeFile(pages_of(1))
    other = beside(space)
    old = frame(space, mapped(space, file, TEXT))
    file.bytes[0] = 99
    new = frame(other, mapped(other, file, TEXT))
    view = space.frames.physical.view
    assert (view[old], view[new]) == (0, 99)


@pytest.mark.parametrize("flags", [0, MAP_NORESERVE])
def test_a_page_that_may_be_written_is_nobody_elses(flags: int) -> None:
    space, file = a_space(), FakeFile(pages_of(1))
    text, data = mapped(space, file, TEXT), mapped(space, file, DATA, flags)
    assert frame(space, text) != frame(space, data)


def test_a_text_that_becomes_writable_is_copied_at_the_first_store() -> None:
    space, file = a_space(), FakeFile(pages_of(1))
    other = beside(space)
    first, second = mapped(space, file, TEXT), mapped(other, file, TEXT)
    space.mprotect(first, PAGE, DATA)
    assert space.fault(first, WRITE)
    assert frame(space, first) != frame(other, second)


def test_a_fork_that_finds_no_memory_is_enomem_and_loses_none() -> None:
    space = a_space(MINIMUM_SIZE)
    physical = space.frames.physical
    kept = [physical.allocate() for _ in range(physical.frames_free)]
    with pytest.raises(Errno) as refused:
        space.fork(space.tables)
    assert refused.value.number == ENOMEM
    assert physical.frames_free == 0
    with pytest.raises(OutOfFrames):
        physical.allocate()
    assert len(set(kept)) == len(kept)
