"""Whose access a page walk is: SMAP keeps the processor from user pages, U/S ring 3 from others.

SDM 3A, "Determination of Access Rights", "Page-Fault Exceptions".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from emu.memory import walk
from emu.memory.pagetables import PageTables
from emu.memory.physical import PhysicalMemory
from emu.memory.walk import Translations, WalkFault
from emu.x86.paging import (
    NO_EXECUTE,
    PAGE_SIZE,
    PF_PRESENT,
    PF_USER,
    PF_WRITE,
    USER,
    WRITABLE,
)
from tests.memory.by_hand import slot

PAGE: Final = 0xFFFF_8880_4020_1000
DATA: Final = WRITABLE | NO_EXECUTE
AT_ITS_END: Final = PAGE + PAGE_SIZE


@pytest.fixture
def space(ram: PhysicalMemory) -> PageTables:
    tables = PageTables(ram)
    for page in (PAGE, PAGE + PAGE_SIZE):
        tables.map(page, ram.allocate(), DATA)
    return tables


# ---- SMAP


@pytest.mark.parametrize(("write", "code"), [(False, PF_PRESENT), (True, PF_PRESENT | PF_WRITE)])
@pytest.mark.parametrize("size", [4, 8])
def test_with_smap_the_processors_own_access_finds_no_user_page(
    ram: PhysicalMemory, space: PageTables, write: bool, code: int, size: int
) -> None:
    space.protect(PAGE + PAGE_SIZE, DATA | USER)
    address = PAGE + PAGE_SIZE - (size - 4)
    access: Callable[..., object] = walk.write if write else walk.read
    with pytest.raises(WalkFault) as caught:
        access(ram, space.root, address, bytes(size) if write else size, smap=True)
    assert (caught.value.address, caught.value.error_code) == (PAGE + PAGE_SIZE, code)


@pytest.mark.parametrize("write", [False, True])
def test_with_smap_a_page_that_is_the_kernels_at_any_level_is_found(
    ram: PhysicalMemory, space: PageTables, write: bool
) -> None:
    assert walk.physical_address(ram, space.root, PAGE, write, smap=True)
    space.protect(PAGE, DATA | USER)
    ram.words[slot(ram, space.root, PAGE, 1)] &= ~USER
    assert walk.physical_address(ram, space.root, PAGE, write, smap=True)


@pytest.fixture
def kept(ram: PhysicalMemory, space: PageTables) -> Translations:
    made = Translations(ram)
    for write in (False, True):
        made.physical_address(space.root, PAGE, write)
    return made


def test_what_was_kept_without_smap_is_not_used_with_it(
    kept: Translations, space: PageTables
) -> None:
    space.protect(PAGE, DATA | USER)
    kept.read_word(space.root, PAGE)
    kept.use_smap(True)
    for access in (
        lambda: kept.read_word(space.root, PAGE),
        lambda: kept.read_word(space.root, PAGE + 4),
        lambda: kept.write(space.root, PAGE, b"x"),
        lambda: kept.write(space.root, PAGE + PAGE_SIZE - 4, bytes(8)),
    ):
        with pytest.raises(WalkFault):
            access()
    kept.use_smap(False)
    assert kept.read_word(space.root, PAGE) == 0


# ---- reads of ring 3

# rights of the first page and of the second (None: not there), where, size, address and error code
READS: Final = (
    (USER, USER, PAGE, 8, None, None),
    (USER, USER, AT_ITS_END - 4, 8, None, None),
    (0, USER, PAGE + 8, 8, PAGE + 8, PF_USER | PF_PRESENT),
    (None, USER, PAGE + 8, 8, PAGE + 8, PF_USER),
    (USER, 0, AT_ITS_END - 8, 8, None, None),
    (USER, 0, AT_ITS_END - 7, 8, AT_ITS_END, PF_USER | PF_PRESENT),
    (USER, None, AT_ITS_END - 1, 2, AT_ITS_END, PF_USER),
    (USER, None, AT_ITS_END - 1, 1, None, None),
    (0, None, AT_ITS_END - 1, 2, AT_ITS_END - 1, PF_USER | PF_PRESENT),
)


@pytest.mark.parametrize(("first", "second", "address", "size", "where", "code"), READS)
def test_a_read_of_ring_3_needs_user_pages(
    ram: PhysicalMemory,
    space: PageTables,
    first: int | None,
    second: int | None,
    address: int,
    size: int,
    where: int | None,
    code: int | None,
) -> None:
    for page, rights in ((PAGE, first), (PAGE + PAGE_SIZE, second)):
        if rights is None:
            space.unmap(page)
        else:
            space.protect(page, rights)
    fault = walk.user_fault(ram, space.root, address, size)
    assert (fault and fault.address, fault and fault.error_code) == (where, code)


@pytest.mark.parametrize("level", range(4))
def test_the_right_is_needed_at_each_level(
    ram: PhysicalMemory, space: PageTables, level: int
) -> None:
    space.protect(PAGE, USER)
    ram.words[slot(ram, space.root, PAGE, level)] &= ~USER
    fault = walk.user_fault(ram, space.root, PAGE, 8)
    assert fault is not None
    assert fault.error_code == PF_USER | PF_PRESENT


@pytest.mark.parametrize(
    ("rights", "code"),
    [
        (USER | WRITABLE, None),
        (USER, PF_USER | PF_WRITE | PF_PRESENT),
        (WRITABLE, PF_USER | PF_WRITE | PF_PRESENT),
    ],
)
def test_a_write_of_ring_3_needs_a_user_page_that_is_writable(
    ram: PhysicalMemory, space: PageTables, rights: int, code: int | None
) -> None:
    space.protect(PAGE, rights)
    fault = walk.user_fault(ram, space.root, PAGE, 8, write=True)
    assert (fault and fault.error_code) == code
