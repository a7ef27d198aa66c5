"""Where an image's segments come to lie, page by page.

It turns segments into page-aligned mappings of the file and of zeroes. It reads no ELF bytes and
maps nothing: whoever owns an address space does that.
System V ABI, "Program Loading".
"""

from __future__ import annotations

from typing import NamedTuple

from emu.load.elf import ET_EXEC, Image, Segment
from emu.x86.paging import PAGE_SIZE, page_base, page_up


class Mapping(NamedTuple):
    """Pages from `start` on: of the file (from `offset`) up to `file_end`, then zeroes up to `end`.

    In the last page of the file, the bytes from `zero_from` up to `file_end` are zero in memory
    too; `zero_from` is `file_end` where the page stays as it is.
    """

    start: int
    file_end: int
    end: int
    offset: int
    flags: int
    zero_from: int


def mappings(image: Image, bias: int) -> list[Mapping]:
    """The mappings of `image`, moved up by `bias`, in the file's order."""
    return [_mapping(segment, bias) for segment in image.segments if segment.memsz]


def _mapping(segment: Segment, bias: int) -> Mapping:
    first = segment.vaddr + bias
    start = page_base(first)
    file_end = page_up(first + segment.filesz) if _shows_file(segment) else start
    longer = segment.memsz > segment.filesz and file_end > start
    return Mapping(
        start=start,
        file_end=file_end,
        end=page_up(first + segment.memsz),
        offset=segment.offset - (first - start),
        flags=segment.flags,
        zero_from=first + segment.filesz if longer else file_end,
    )


def _shows_file(segment: Segment) -> bool:
    """Whether a page of the file is mapped, be it only for what lies before the segment in it."""
    begins_in_page = segment.vaddr % PAGE_SIZE
    congruent = (segment.vaddr - segment.offset) % PAGE_SIZE == 0
    return bool(segment.filesz or (begins_in_page and congruent))


def extent(image: Image) -> tuple[int, int]:
    """The first page and the end of what `image` occupies, before any bias."""
    start = min(segment.vaddr for segment in image.segments)
    end = max(segment.vaddr + segment.memsz for segment in image.segments)
    return page_base(start), page_up(end)


def alignment(image: Image) -> int:
    """What an image that may lie anywhere must be aligned to."""
    if image.type == ET_EXEC:
        return 1
    return max(segment.align for segment in image.segments)
