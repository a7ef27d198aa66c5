"""Extended attributes: there are none, and every call says so in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel_stub.errno import EBADF, ENOENT, EOPNOTSUPP
from tests.vfs.program import BUFFER, Program, a_program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "dangling").symlink_to("no")
    return a_program(tmp_path)


@pytest.mark.parametrize("name", ["getxattr", "setxattr", "removexattr"])
def test_an_attribute_is_not_supported(name: str, program: Program) -> None:
    assert program.fails(name, b"f", b"user.x", BUFFER, 10) == EOPNOTSUPP
    assert program.fails(name, b"dangling", b"user.x", BUFFER, 10) == ENOENT
    assert program.fails("l" + name, b"dangling", b"user.x", BUFFER, 10) == EOPNOTSUPP
    assert program.fails("f" + name, program.open("f"), b"user.x", BUFFER, 10) == EOPNOTSUPP
    assert program.fails("f" + name, 99, b"user.x", BUFFER, 10) == EBADF


def test_the_list_of_attributes_is_empty(program: Program) -> None:
    assert program.call("listxattr", b"f", BUFFER, 10) == 0
    assert program.call("llistxattr", b"dangling", BUFFER, 10) == 0
    assert program.call("flistxattr", program.open("f"), BUFFER, 10) == 0
    assert program.fails("listxattr", b"dangling", BUFFER, 10) == ENOENT
