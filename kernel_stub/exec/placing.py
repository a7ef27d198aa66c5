"""Mapping an image into an address space, as Linux's execve does.

Segments become private mappings of the file, read when they are touched; what a segment is longer
than its part of the file becomes zeroes. It starts nothing.
elf(5), execve(2).
"""

from __future__ import annotations

from typing import NamedTuple

from emu.errors import LoadError
from emu.load.elf import PF_R, PF_W, PF_X, Image
from emu.load.place import Mapping, alignment, extent, mappings
from emu.x86.paging import PAGE_SIZE, PF_USER, PF_WRITE
from kernel_stub.errno import ENOMEM, Errno
from kernel_stub.mm import AddressSpace, MappedFile
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_PRIVATE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)


class Placed(NamedTuple):
    """Where an image lies: `bias` was added to its addresses, `end` is its last page's end."""

    bias: int
    entry: int
    end: int


def place_program(space: AddressSpace, image: Image, file: MappedFile) -> Placed:
    """Maps the program itself: where it was linked to, or where Linux puts those that may move."""
    if not image.is_position_independent:
        return _place(space, image, file, 0)
    if image.interpreter is None:
        return place_anywhere(space, image, file)
    start, _ = extent(image)
    base = space.layout.program_base & -max(alignment(image), PAGE_SIZE)
    return _place(space, image, file, base - start)


def place_anywhere(space: AddressSpace, image: Image, file: MappedFile) -> Placed:
    """Maps an image among the other mappings: a dynamic linker, or a program without one."""
    if not image.is_position_independent:
        return _place(space, image, file, 0)
    start, end = extent(image)
    step = max(alignment(image), PAGE_SIZE)
    gap = space.regions.find_gap(end - start + step - PAGE_SIZE, space.layout)
    if gap is None:
        raise no_room(image)
    return _place(space, image, file, (gap + step - PAGE_SIZE & -step) - start)


def no_room(image: Image) -> LoadError:
    """What to raise where the memory does not suffice for `image`."""
    return LoadError(
        f"{image.name} does not fit into the guest's memory: see --memory SIZE", ENOMEM
    )


def _place(space: AddressSpace, image: Image, file: MappedFile, bias: int) -> Placed:
    end = 0
    try:
        for mapping in mappings(image, bias):
            _map(space, mapping, file)
            end = max(end, mapping.end)
    except Errno:
        raise no_room(image) from None
    return Placed(bias, image.entry + bias, end)


def rights(flags: int) -> int:
    """A segment's flags as mmap(2) names them."""
    return (
        (PROT_READ if flags & PF_R else 0)
        | (PROT_WRITE if flags & PF_W else 0)
        | (PROT_EXEC if flags & PF_X else 0)
    )


def _map(space: AddressSpace, mapping: Mapping, file: MappedFile) -> None:
    prot, flags = rights(mapping.flags), MAP_PRIVATE | MAP_FIXED
    if mapping.file_end > mapping.start:
        space.mmap(
            mapping.start,
            mapping.file_end - mapping.start,
            prot,
            flags,
            file,
            mapping.offset,
            file.path,
        )
    if mapping.end > mapping.file_end:
        size = mapping.end - mapping.file_end
        space.mmap(mapping.file_end, size, prot, flags | MAP_ANONYMOUS)
    if mapping.zero_from < mapping.file_end and prot & PROT_WRITE:
        fill(space, mapping.zero_from, bytes(mapping.file_end - mapping.zero_from))


def fill(space: AddressSpace, address: int, content: bytes) -> None:
    """Writes `content` into a space that has not run yet: no code was translated from there.

    Raises Errno(ENOMEM).
    """
    for page in range(address & -PAGE_SIZE, address + len(content), PAGE_SIZE):
        if not space.fault(page, PF_USER | PF_WRITE):
            raise Errno(ENOMEM)
    space.tables.write(address, content)
