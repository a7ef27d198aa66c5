"""mmap, munmap, mprotect and brk, as the manual pages say."""

from __future__ import annotations

import random

import pytest

from emu.memory.pagetables import PageTables
from emu.memory.physical import PhysicalMemory
from emu.x86.paging import NO_EXECUTE, PRESENT, USER, WRITABLE
from kernel_stub.errno import EEXIST, EINVAL, ENOMEM, EPERM, Errno
from kernel_stub.layout import USER_32, USER_64
from kernel_stub.mm import AddressSpace, ContentFile
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_EXEC,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from tests.kernel.fakes import (
    MIB,
    PAGE,
    READ,
    WRITE,
    FakeFile,
    FakeProcessor,
    a_space,
    pages_of,
    peek,
    poke,
    processor_of,
)

RW = PROT_READ | PROT_WRITE
ANON = MAP_PRIVATE | MAP_ANONYMOUS
AT = 0x2000_0000


def mapped(space: AddressSpace, pages: int, prot: int = RW, flags: int = ANON) -> int:
    return space.mmap(0, pages * PAGE, prot, flags)


def test_mappings_are_packed_from_the_top_down() -> None:
    space = a_space()
    top = USER_64.mmap_top
    assert [mapped(space, 1), mapped(space, 3), mapped(space, 1, PROT_READ)] == [
        top - PAGE,
        top - 4 * PAGE,
        top - 5 * PAGE,
    ]
    assert mapped(a_space(layout=USER_32), 1) == USER_32.mmap_top - PAGE


def test_a_hint_is_taken_where_it_is_free() -> None:
    space = a_space()
    assert space.mmap(AT + 5, PAGE, RW, ANON) == AT
    assert space.mmap(AT, PAGE, RW, ANON) == USER_64.mmap_top - PAGE


def test_a_fixed_mapping_replaces_what_is_there() -> None:
    space = a_space()
    space.mmap(AT, 3 * PAGE, RW, ANON | MAP_FIXED)
    poke(space, AT, b"a" * 3 * PAGE)
    space.mmap(AT + PAGE, PAGE, RW, ANON | MAP_FIXED)
    assert [peek(space, AT + n * PAGE) for n in range(3)] == [b"a", b"\0", b"a"]


# (address, length, flags, error)
REFUSED = (
    (0, 0, ANON, EINVAL),
    (AT + 1, PAGE, ANON | MAP_FIXED, EINVAL),
    (0x1000, PAGE, ANON | MAP_FIXED, EPERM),
    (USER_64.task_size, PAGE, ANON | MAP_FIXED, ENOMEM),
    (1 << 63, PAGE, ANON | MAP_FIXED, ENOMEM),
    (AT, PAGE, ANON | MAP_FIXED_NOREPLACE, EEXIST),
    (0, 1 << 60, ANON | MAP_NORESERVE, ENOMEM),
    (0, 17 * MIB, ANON, ENOMEM),
)


@pytest.mark.parametrize(("address", "length", "flags", "error"), REFUSED)
def test_a_mapping_is_refused(address: int, length: int, flags: int, error: int) -> None:
    space = a_space()
    space.mmap(AT, PAGE, RW, ANON | MAP_FIXED)
    with pytest.raises(Errno) as refused:
        space.mmap(address, length, RW, flags)
    assert refused.value.number == error


def test_memory_is_promised_as_far_as_ram_goes() -> None:
    space = a_space()
    first = mapped(space, 10 * MIB // PAGE)
    for prot, flags in ((PROT_NONE, ANON), (PROT_READ, ANON), (RW, ANON | MAP_NORESERVE)):
        mapped(space, 100 * MIB // PAGE, prot, flags)
    with pytest.raises(Errno):
        mapped(space, 7 * MIB // PAGE)
    space.mmap(first, 10 * MIB, RW, ANON | MAP_FIXED)
    space.munmap(first, 5 * MIB)
    assert mapped(space, 11 * MIB // PAGE)


def test_a_right_to_write_that_ram_cannot_keep_is_refused() -> None:
    space = a_space()
    start = mapped(space, 100 * MIB // PAGE, PROT_NONE)
    space.mprotect(start, 10 * MIB, RW)
    with pytest.raises(Errno) as refused:
        space.mprotect(start, 20 * MIB, RW)
    assert refused.value.number == ENOMEM
    space.mprotect(start, 10 * MIB, RW)


def test_the_limit_of_the_address_space_holds() -> None:
    space = a_space()
    space.size_limit = 4 * PAGE
    mapped(space, 3)
    with pytest.raises(Errno):
        mapped(space, 2)


def test_unmapping_gives_the_frames_back_and_flushes_once() -> None:
    space = a_space()
    start = mapped(space, 8)
    before = space.frames.physical.frames_free
    poke(space, start, b"x" * 8 * PAGE)
    flushes = processor_of(space).tlb_flushes
    space.munmap(start, 8 * PAGE)
    assert space.frames.physical.frames_free == before - 3  # three tables stay
    assert processor_of(space).tlb_flushes == flushes + 1
    assert not space.fault(start, READ)


def test_unmapping_what_was_never_touched_flushes_nothing() -> None:
    space = a_space()
    space.munmap(mapped(space, 8), 8 * PAGE)
    assert processor_of(space).tlb_flushes == 0


# (prot, the bits of its page-table entry)
BITS = (
    (PROT_READ, PRESENT | USER | NO_EXECUTE),
    (RW, PRESENT | USER | NO_EXECUTE | WRITABLE),
    (PROT_READ | PROT_EXEC, PRESENT | USER),
    (RW | PROT_EXEC, PRESENT | USER | WRITABLE),
    (PROT_NONE, 0),
)
_RIGHTS = PRESENT | USER | NO_EXECUTE | WRITABLE


@pytest.mark.parametrize(("prot", "bits"), BITS)
def test_rights_are_bits_of_the_entry(prot: int, bits: int) -> None:
    space = a_space()
    start = mapped(space, 1, RW)
    poke(space, start, b"kept")
    space.mprotect(start, PAGE, prot)
    assert space.tables.entry(start) & _RIGHTS == bits
    space.mprotect(start, PAGE, RW)
    assert peek(space, start, 4) == b"kept"


def test_only_a_right_that_is_taken_flushes_the_tlb() -> None:
    space = a_space()
    start = mapped(space, 1, PROT_READ)
    peek(space, start)
    processor = processor_of(space)
    flushes = []
    for prot in (RW, RW | PROT_EXEC, RW, PROT_READ, PROT_READ, PROT_NONE):
        before = processor.tlb_flushes
        space.mprotect(start, PAGE, prot)
        flushes.append(processor.tlb_flushes - before)
    assert flushes == [0, 0, 1, 1, 0, 1]


def test_rights_change_up_to_the_first_hole() -> None:
    space = a_space()
    for number in (0, 1, 3):
        space.mmap(AT + number * PAGE, PAGE, RW, ANON | MAP_FIXED)
    with pytest.raises(Errno) as refused:
        space.mprotect(AT, 4 * PAGE, PROT_READ)
    assert refused.value.number == ENOMEM
    assert [(r.start - AT, r.prot) for r in space.regions] == [(0, PROT_READ), (3 * PAGE, RW)]


def test_what_is_readable_is_executable_where_the_personality_says_so() -> None:
    space = a_space()
    space.read_implies_exec = True
    start = mapped(space, 1, PROT_READ)
    peek(space, start)
    assert not space.tables.entry(start) & NO_EXECUTE


def with_heap() -> AddressSpace:
    space = a_space()
    space.break_start = space.break_end = AT + 0x123
    return space


def test_the_heap_grows_and_shrinks() -> None:
    space = with_heap()
    assert space.set_break(0) == AT + 0x123
    assert space.set_break(AT + 0x3456) == AT + 0x3456
    poke(space, AT + PAGE, b"heap")
    assert [(r.start, r.end, r.name) for r in space.regions] == [
        (AT + PAGE, AT + 0x4000, b"[heap]")
    ]
    assert space.set_break(AT + 0x1001) == AT + 0x1001
    assert space.set_break(AT + 0x123) == AT + 0x123
    assert len(space.regions) == 0


def test_the_heap_grows_to_no_place_that_is_taken() -> None:
    space = with_heap()
    space.mmap(AT + 4 * PAGE, PAGE, RW, ANON | MAP_FIXED)
    assert space.set_break(AT + 4 * PAGE) == AT + 4 * PAGE
    assert space.set_break(AT + 4 * PAGE + 1) == AT + 4 * PAGE


def test_the_heap_obeys_its_limit_and_ram() -> None:
    space = with_heap()
    assert space.set_break(AT + 20 * MIB) == AT + 0x123
    space.data_limit = 2 * PAGE
    assert space.set_break(AT + 4 * PAGE) == AT + 0x123


def test_the_kernel_half_is_the_same_in_every_space() -> None:
    physical = PhysicalMemory(4 * MIB)
    kernel = PageTables(physical)
    kernel.map(0xFFFF_FFFF_8100_0000, physical.allocate(), 0)
    space = AddressSpace(physical, FakeProcessor(), kernel)
    other = AddressSpace(physical, FakeProcessor(), kernel, beside=space)
    for tables in (space.tables, other.tables):
        assert tables.entry(0xFFFF_FFFF_8100_0000) == kernel.entry(0xFFFF_FFFF_8100_0000)
    assert space.frames is other.frames


def test_a_released_space_gives_every_page_back() -> None:
    space = a_space()
    file = FakeFile(pages_of(4))
    start = space.mmap(0, 4 * PAGE, RW, MAP_SHARED, file)
    poke(space, start, b"x")
    poke(space, mapped(space, 9), b"y" * 9 * PAGE)
    space.release()
    assert (len(space.regions), space.pages.resident) == (0, 0)
    assert file.bytes[:1] == b"x"


MAPS = (
    b"20000000-20002000 rw-p 00000000 00:00 0 ",
    b"20002000-20004000 r-xp 00003000 fe:01 42".ljust(73) + b"/bin/it",
    b"20004000-20005000 rw-s 00000000 00:00 0".ljust(73) + b"/dev/zero (deleted)",
    b"20005000-20006000 ---p 00000000 00:00 0".ljust(73) + b"[vdso]",
    b"7ffffffff0000-7ffffffff1000 rw-p 00000000 00:00 0".ljust(73) + b"[stack]",
)


def test_maps_has_one_line_for_each_region() -> None:
    space = a_space()
    space.layout = USER_64._replace(task_size=1 << 52)
    fixed = MAP_FIXED | MAP_PRIVATE
    space.mmap(AT, 2 * PAGE, RW, fixed | MAP_ANONYMOUS)
    file = FakeFile(b"", b"/bin/it")
    space.mmap(AT + 0x2000, 2 * PAGE, PROT_READ | PROT_EXEC, fixed, file, 3 * PAGE, file.path)
    shared = MAP_SHARED | MAP_FIXED | MAP_ANONYMOUS
    space.mmap(AT + 0x4000, PAGE, RW, shared, name=b"/dev/zero (deleted)")
    vdso = ContentFile(b"[vdso]", b"")
    space.mmap(AT + 0x5000, PAGE, PROT_NONE, fixed, vdso, 0, vdso.path)
    space.mmap(0x7FFFFFFFF0000, PAGE, RW, fixed | MAP_ANONYMOUS, name=b"[stack]")
    assert space.maps_text() == b"".join(line + b"\n" for line in MAPS)


class Model:
    """The same memory as a table of pages: rights and the first byte."""

    def __init__(self) -> None:
        self.pages: dict[int, tuple[int, int]] = {}

    def mmap(self, first: int, count: int, prot: int) -> None:
        self.pages.update(dict.fromkeys(range(first, first + count), (prot, 0)))

    def munmap(self, first: int, count: int) -> None:
        for number in range(first, first + count):
            self.pages.pop(number, None)

    def mprotect(self, first: int, count: int, prot: int) -> None:
        for number in range(first, first + count):
            if number not in self.pages:
                return
            self.pages[number] = (prot, self.pages[number][1])


@pytest.mark.parametrize("seed", range(6))
def test_random_calls_agree_with_a_table_of_pages(seed: int) -> None:
    chance = random.Random(seed)
    space, model = a_space(4 * MIB), Model()
    free = space.frames.physical.frames_free
    for _ in range(800):
        first, count = chance.randrange(48), chance.randint(1, 10)
        start, size = AT + first * PAGE, count * PAGE
        prot = chance.choice((PROT_NONE, PROT_READ, RW, RW, PROT_READ | PROT_EXEC))
        call = chance.choice(("mmap", "munmap", "mprotect", "write", "write"))
        if call == "mmap":
            space.mmap(start, size, prot, ANON | MAP_FIXED)
            model.mmap(first, count, prot)
        elif call == "munmap":
            space.munmap(start, size)
            model.munmap(first, count)
        elif call == "mprotect":
            try:
                space.mprotect(start, size, prot)
            except Errno:
                assert any(n not in model.pages for n in range(first, first + count))
            model.mprotect(first, count, prot)
        else:
            write(space, model, first, chance.randrange(1, 256))
        check(space, model, chance.randrange(60))
    space.release()
    assert space.frames.physical.frames_free >= free - 4


def write(space: AddressSpace, model: Model, number: int, value: int) -> None:
    prot, _ = model.pages.get(number, (PROT_NONE, 0))
    address = AT + number * PAGE
    assert bool(space.fault(address, WRITE)) == bool(prot & PROT_WRITE)
    if prot & PROT_WRITE:
        space.tables.write(address, bytes([value]))
        model.pages[number] = (prot, value)


def check(space: AddressSpace, model: Model, number: int) -> None:
    address = AT + number * PAGE
    prot, value = model.pages.get(number, (PROT_NONE, 0))
    entry = space.tables.entry(address)
    if entry & PRESENT:
        assert prot != PROT_NONE
        assert bool(entry & WRITABLE) == bool(prot & PROT_WRITE)
        assert bool(entry & NO_EXECUTE) != bool(prot & PROT_EXEC)
    assert bool(space.fault(address, READ)) == (prot != PROT_NONE)
    if prot != PROT_NONE:
        assert space.tables.read(address, 1)[0] == value
