"""The table of descriptors, and what fork and exec make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel_stub.errno import EBADF, EMFILE, Errno
from kernel_stub.vfs.files import FileTable
from kernel_stub.vfs.inode import Attributes, PathFile
from kernel_stub.vfs.pipes import PipeEnd, make_pipe
from tests.vfs.world import world


def ends() -> tuple[PipeEnd, PipeEnd]:
    return make_pipe(Attributes(0o600, 1, 1), 0)


def test_a_description_is_released_with_its_last_descriptor(tmp_path: Path) -> None:
    task = world(tmp_path)
    reader, writer = ends()
    table = FileTable({0: reader, 5: writer, 6: writer})
    child = table.copy()
    table.close_all(task)
    assert (reader.pipe.readers, reader.pipe.writers) == (1, 1)
    child.close(task, 5)
    assert reader.pipe.writers == 1
    child.close(task, 6)
    assert reader.pipe.writers == 0
    with pytest.raises(Errno, match="EBADF"):
        child.close(task, 6)


def test_exec_closes_what_is_marked(tmp_path: Path) -> None:
    table = FileTable({number: ends()[0] for number in range(4)})
    table.cloexec |= {1, 3}
    child = table.copy()
    child.close_on_exec(world(tmp_path))
    assert child.numbers() == [0, 2]
    assert table.numbers() == [0, 1, 2, 3]
    assert child.lowest_free(10) == 1


def test_the_lowest_free_number_is_found_from_any_start(tmp_path: Path) -> None:
    table, task = FileTable({number: ends()[0] for number in (0, 1, 3)}), world(tmp_path)
    assert [table.lowest_free(10, least) for least in (0, 3, 5, 0)] == [2, 4, 5, 2]
    table.close(task, 0)
    assert table.lowest_free(10) == 0
    assert table.lowest_free(10, 1) == 2
    with pytest.raises(Errno) as refused:
        table.lowest_free(4, 3)
    assert refused.value.number == EMFILE


def test_a_path_descriptor_is_found_only_by_those_who_take_one(tmp_path: Path) -> None:
    file = PathFile(world(tmp_path).fs.root, 0)
    table = FileTable({0: file})
    assert table.any(0) is file
    with pytest.raises(Errno) as refused:
        table.get(0)
    assert refused.value.number == EBADF
