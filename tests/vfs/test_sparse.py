"""Bytes with holes: like a bytearray of zeros, but only what was written takes memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_stub.vfs.inode import BLOCK
from kernel_stub.vfs.sparse import Sparse

SIZE = 6 * BLOCK
OFFSETS = st.integers(0, SIZE - 1)
STEPS = st.lists(
    st.tuples(st.booleans(), OFFSETS, st.integers(0, 2 * BLOCK)), min_size=1, max_size=12
)


@given(STEPS)
def test_it_reads_as_an_array_of_zeros_that_was_written(
    steps: list[tuple[bool, int, int]],
) -> None:
    sparse, plain = Sparse(), bytearray(2 * SIZE)
    for writes, offset, size in steps:
        if writes:
            data = bytes((offset + n) % 255 + 1 for n in range(size))
            missing = sparse.missing(offset, size)
            before = len(sparse)
            sparse.write(offset, data)
            assert len(sparse) == before + missing
            plain[offset : offset + size] = data
        else:
            sparse.clear(offset, offset + size)
            plain[offset : offset + size] = bytes(size)
    assert sparse.read(0, 2 * SIZE) == plain
    assert sparse.read(BLOCK - 3, 7) == plain[BLOCK - 3 : BLOCK + 4]


def test_what_was_never_written_takes_no_memory() -> None:
    sparse = Sparse()
    sparse.write(1 << 40, b"x")
    assert len(sparse) == BLOCK
    assert sparse.read((1 << 40) - 1, 3) == b"\0x\0"


@pytest.mark.parametrize(
    ("offset", "data", "hole"),
    [(0, BLOCK, 0), (BLOCK, BLOCK, 3 * BLOCK), (BLOCK + 9, BLOCK + 9, 3 * BLOCK)],
)
def test_data_and_holes_are_found(offset: int, data: int, hole: int) -> None:
    sparse = Sparse()
    sparse.write(BLOCK, bytes(2 * BLOCK))
    assert sparse.next_data(offset) == data
    assert sparse.next_hole(offset) == hole
    assert sparse.next_data(3 * BLOCK) is None


def test_a_cleared_page_is_given_back_and_a_part_of_one_is_zeros() -> None:
    sparse = Sparse()
    sparse.write(0, b"\1" * 3 * BLOCK)
    sparse.clear(BLOCK - 1, 2 * BLOCK + 1)
    assert len(sparse) == 2 * BLOCK
    assert sparse.read(BLOCK - 2, 2) == b"\1\0"
    assert sparse.read(2 * BLOCK, 2) == b"\0\1"
