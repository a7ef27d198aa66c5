"""Page faults: which pages they make, and which signal they become."""

from __future__ import annotations

import pytest

from emu.x86.paging import ADDRESS_MASK, NO_EXECUTE, PF_PRESENT, PRESENT, WRITABLE
from kernel_stub.abi.signals import BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR, SIGBUS, SIGKILL, SIGSEGV
from kernel_stub.layout import STACK_GUARD_GAP
from kernel_stub.mm import AddressSpace
from kernel_stub.mm.faults import FAULT_AROUND
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_GROWSDOWN,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_EXEC,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from tests.kernel.fakes import (
    FETCH,
    MIB,
    PAGE,
    READ,
    WRITE,
    FakeFile,
    a_space,
    pages_of,
    peek,
    poke,
    processor_of,
)

RW = PROT_READ | PROT_WRITE
RX = PROT_READ | PROT_EXEC
ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
AT = 0x2000_0000

# (rights of the page, access, si_code of the SIGSEGV or 0 if it is allowed)
ACCESSES = (
    (None, READ, SEGV_MAPERR),
    (None, WRITE, SEGV_MAPERR),
    (None, FETCH, SEGV_MAPERR),
    (PROT_NONE, READ, SEGV_ACCERR),
    (PROT_READ, READ, 0),
    (PROT_READ, WRITE, SEGV_ACCERR),
    (PROT_READ, FETCH, SEGV_ACCERR),
    (RW, WRITE, 0),
    (RW, FETCH, SEGV_ACCERR),
    (RX, FETCH, 0),
    (RX, WRITE, SEGV_ACCERR),
    (PROT_WRITE, READ, 0),
    (PROT_EXEC, READ, 0),
    (RW | PROT_EXEC, FETCH, 0),
)


@pytest.mark.parametrize(("prot", "access", "code"), ACCESSES)
@pytest.mark.parametrize("present", [0, PF_PRESENT])
def test_an_access_is_allowed_by_the_region(
    prot: int | None, access: int, code: int, present: int
) -> None:
    space = a_space()
    if prot is not None:
        space.mmap(AT, PAGE, prot, ANON)
    result = space.fault(AT + 8, access | present)
    if code:
        assert (result.signal, result.code, result.address) == (SIGSEGV, code, AT + 8)
        assert not result
    else:
        assert result
        assert space.tables.entry(AT) & PRESENT


def test_memory_that_goes_out_of_ram_kills() -> None:
    space = a_space(4 * MIB)
    space.mmap(AT, 8 * MIB, RW, ANON | MAP_NORESERVE)
    results = [space.fault(AT + offset, WRITE) for offset in range(0, 8 * MIB, PAGE)]
    failed = [result for result in results if not result]
    assert failed
    assert {result.signal for result in failed} == {SIGKILL}


def test_pages_of_files_make_room_where_memory_ends() -> None:
    space, file = a_space(4 * MIB), FakeFile(pages_of(600))
    space.mmap(AT, 600 * PAGE, RX, MAP_PRIVATE | MAP_FIXED, file)
    for number in range(0, 600, FAULT_AROUND):
        assert space.fault(AT + number * PAGE, READ)
    space.mmap(AT + 8 * MIB, 900 * PAGE, RW, ANON)
    for number in range(900):
        poke(space, AT + 8 * MIB + number * PAGE, bytes([number & 0xFF]))
    assert [peek(space, AT + n * PAGE)[0] for n in (0, 599)] == [0, 599 & 0xFF]
    assert [peek(space, AT + 8 * MIB + n * PAGE)[0] for n in (0, 899)] == [0, 899 & 0xFF]


def test_a_page_table_that_finds_no_frame_loses_none() -> None:
    space = a_space(4 * MIB)
    space.mmap(AT, 8 * MIB, RW, ANON | MAP_NORESERVE)
    space.mmap(AT + 64 * MIB, PAGE, RW, ANON)
    physical = space.frames.physical
    spare = [physical.allocate() for _ in range(physical.frames_free - 1)]
    assert not space.fault(AT + 64 * MIB, WRITE)
    for frame in spare:
        physical.free(frame)
    assert space.fault(AT + 64 * MIB, WRITE)
    assert space.pages.resident == 1


def present_pages(space: AddressSpace, pages: int) -> list[int]:
    return [n for n in range(pages) if space.tables.entry(AT + n * PAGE) & PRESENT]


def test_one_touch_makes_one_page() -> None:
    space = a_space()
    space.mmap(AT, 64 * PAGE, RW, ANON)
    space.fault(AT + 9 * PAGE, WRITE)
    assert present_pages(space, 64) == [9]


def test_going_upwards_makes_more_pages_each_time() -> None:
    space = a_space()
    space.mmap(AT, 200 * PAGE, RW, ANON)
    faults = 0
    for number in range(100):
        if not space.tables.entry(AT + number * PAGE) & PRESENT:
            space.fault(AT + number * PAGE, WRITE)
            faults += 1
    assert faults < 100 / FAULT_AROUND + 5
    assert len(present_pages(space, 200)) <= 100 + FAULT_AROUND


def test_pages_made_ahead_stop_at_the_end_of_the_region_and_keep_what_is_there() -> None:
    space = a_space()
    space.mmap(AT, 4 * PAGE, RW, ANON)
    poke(space, AT + 3 * PAGE, b"kept")
    for number in range(3):
        assert space.fault(AT + number * PAGE, WRITE)
    assert peek(space, AT + 3 * PAGE, 4) == b"kept"
    assert present_pages(space, 5) == [0, 1, 2, 3]


@pytest.mark.parametrize("access", [READ, FETCH])
def test_a_file_page_brings_its_neighbours(access: int) -> None:
    space, file = a_space(), FakeFile(pages_of(40))
    space.mmap(AT, 40 * PAGE, RX, MAP_PRIVATE | MAP_FIXED, file)
    assert space.fault(AT + 20 * PAGE, access)
    assert present_pages(space, 40) == list(range(16, 32))
    assert len(file.reads) == 1
    assert [peek(space, AT + n * PAGE)[0] for n in range(40)] == list(range(40))


def test_neighbours_are_not_sought_outside_the_region_or_the_file() -> None:
    space, file = a_space(), FakeFile(pages_of(20) + b"end")
    space.mmap(AT + PAGE, 7 * PAGE, RX, MAP_PRIVATE | MAP_FIXED, file, 15 * PAGE)
    assert space.fault(AT + 5 * PAGE, READ)
    assert present_pages(space, 16) == [1, 2, 3, 4, 5, 6]
    assert peek(space, AT + 6 * PAGE, 5) == b"end\0\0"


@pytest.mark.parametrize("kind", [MAP_PRIVATE, MAP_SHARED])
def test_behind_the_end_of_the_file_is_sigbus(kind: int) -> None:
    space, file = a_space(), FakeFile(pages_of(1) + b"x")
    space.mmap(AT, 4 * PAGE, RW, kind | MAP_FIXED, file)
    assert space.fault(AT + PAGE, READ)
    result = space.fault(AT + 2 * PAGE, READ)
    assert (result.signal, result.code, result.address) == (SIGBUS, BUS_ADRERR, AT + 2 * PAGE)


def test_a_private_file_page_is_written_for_oneself() -> None:
    space, file = a_space(), FakeFile(pages_of(2))
    for start in (AT, AT + MIB):
        space.mmap(start, 2 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, file)
        peek(space, start)
    poke(space, AT, b"mine")
    assert peek(space, AT + MIB, 4) == bytes(4)
    space.munmap(AT, 2 * PAGE)
    assert file.bytes == pages_of(2)


def test_shared_file_pages_are_one_and_go_back_into_the_file() -> None:
    space, file = a_space(), FakeFile(pages_of(2) + b"tail")
    for start in (AT, AT + MIB):
        space.mmap(start, 3 * PAGE, RW, MAP_SHARED | MAP_FIXED, file)
    peek(space, AT + MIB, 3 * PAGE)
    poke(space, AT + 2 * PAGE, b"Tail, and more")
    assert peek(space, AT + MIB + 2 * PAGE, 8) == b"Tail, an"
    space.munmap(AT, 3 * PAGE)
    assert bytes(file.bytes[2 * PAGE :]) == b"tail"
    space.munmap(AT + MIB, 3 * PAGE)
    assert bytes(file.bytes[2 * PAGE :]) == b"Tail"


def test_a_page_that_was_only_read_is_never_written_back() -> None:
    space, file = a_space(), FakeFile(pages_of(1))
    space.mmap(AT, PAGE, RW, MAP_SHARED | MAP_FIXED, file)
    peek(space, AT)
    assert not space.tables.entry(AT) & WRITABLE
    file.bytes[:4] = b"host"
    space.release()
    assert bytes(file.bytes[:4]) == b"host"


def test_shared_anonymous_pages_survive_the_part_that_is_unmapped() -> None:
    space = a_space()
    space.mmap(AT, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED)
    poke(space, AT, b"a" * 2 * PAGE)
    space.munmap(AT, PAGE)
    assert peek(space, AT + PAGE) == b"a"


def test_a_frame_with_two_users_is_copied_before_it_is_written() -> None:
    space = a_space()
    space.mmap(AT, PAGE, RW, ANON)
    poke(space, AT, b"both")
    frame = space.tables.entry(AT) & ADDRESS_MASK
    space.frames.physical.share(frame)
    space.mprotect(AT, PAGE, PROT_READ)
    space.mprotect(AT, PAGE, RW)
    assert not space.tables.entry(AT) & WRITABLE
    flushes = processor_of(space).tlb_flushes
    poke(space, AT, b"mine")
    assert space.tables.entry(AT) & ADDRESS_MASK != frame
    assert bytes(space.frames.physical.view[frame : frame + 4]) == b"both"
    assert processor_of(space).tlb_flushes == flushes + 1


# --- the stack ---

STACK = 0x7000_0000


def with_stack(limit: int = 64 * PAGE) -> AddressSpace:
    space = a_space()
    space.stack_limit = limit
    space.mmap(STACK - 2 * PAGE, 2 * PAGE, RW, ANON | MAP_GROWSDOWN)
    return space


def test_a_stack_grows_down_to_the_page_that_is_touched() -> None:
    space = with_stack()
    assert space.fault(STACK - 10 * PAGE + 5, WRITE)
    (stack,) = space.regions
    assert (stack.start, stack.end) == (STACK - 10 * PAGE, STACK)
    assert space.regions.find(STACK - 10 * PAGE) is stack


def test_a_stack_grows_no_further_than_its_limit() -> None:
    space = with_stack()
    assert space.fault(STACK - 64 * PAGE, WRITE)
    assert space.fault(STACK - 64 * PAGE - 1, WRITE).code == SEGV_MAPERR


def test_a_stack_keeps_away_from_what_is_below_it() -> None:
    space = with_stack(limit=8 * MIB)
    below = STACK - 8 * PAGE - STACK_GUARD_GAP
    space.mmap(below - PAGE, PAGE, RW, ANON)
    assert space.fault(STACK - 8 * PAGE, WRITE)
    assert not space.fault(STACK - 9 * PAGE, WRITE)
    space.mprotect(below - PAGE, PAGE, PROT_NONE)
    assert space.fault(STACK - 9 * PAGE, WRITE)


# --- code that the processor may have translated ---


def executable(space: AddressSpace, prot: int = RX) -> None:
    space.mmap(AT, PAGE, prot, ANON)
    assert space.fault(AT, FETCH)


def test_loading_code_drops_no_translation() -> None:
    space, file = a_space(), FakeFile(pages_of(64))
    space.mmap(AT, 64 * PAGE, RX, MAP_PRIVATE | MAP_FIXED, file)
    for number in range(64):
        peek(space, AT + number * PAGE)
    processor = processor_of(space)
    assert (processor.code_flushes, processor.dropped, processor.tlb_flushes) == (0, [], 0)


def test_a_write_of_the_kernel_into_code_drops_what_was_translated_there() -> None:
    space = a_space()
    executable(space, RW | PROT_EXEC)
    space.mmap(AT + PAGE, PAGE, RW, ANON)
    peek(space, AT + PAGE)
    space.wrote(AT + 0xFF0, 0x20)
    assert processor_of(space).dropped == [(AT + 0xFF0, 0x10)]
    assert processor_of(space).code_flushes == 0


def test_code_that_the_kernel_changed_while_it_was_data_is_dropped_when_it_is_code_again() -> None:
    space = a_space()
    executable(space)
    processor = processor_of(space)
    space.mprotect(AT, PAGE, RW)
    space.wrote(AT, 4)
    assert processor.code_flushes == 0
    space.mprotect(AT, PAGE, RX)
    assert processor.code_flushes == 1
    space.mprotect(AT, PAGE, RW)
    space.mprotect(AT, PAGE, RX)
    assert (processor.code_flushes, processor.dropped) == (1, [])


def test_a_frame_of_old_code_that_becomes_new_code_drops_all_translations() -> None:
    space = a_space()
    executable(space)
    frame = space.tables.entry(AT) & ADDRESS_MASK
    space.munmap(AT, PAGE)
    processor = processor_of(space)
    space.mmap(AT, PAGE, RW, ANON)
    peek(space, AT)
    assert space.tables.entry(AT) & ADDRESS_MASK == frame
    assert processor.code_flushes == 0
    space.mprotect(AT, PAGE, RX)
    assert processor.code_flushes == 1


@pytest.mark.parametrize("prot", [PROT_READ, RW])
def test_data_is_never_executable(prot: int) -> None:
    space, file = a_space(), FakeFile(pages_of(2))
    space.mmap(AT, PAGE, prot, ANON)
    space.mmap(AT + PAGE, PAGE, prot, MAP_PRIVATE | MAP_FIXED, file)
    for page in (AT, AT + PAGE):
        peek(space, page)
        assert space.tables.entry(page) & NO_EXECUTE
