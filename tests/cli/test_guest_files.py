"""Files as a debugger reads them through the guest's eyes: what it refuses is an OSError."""

from __future__ import annotations

from errno import EINVAL, ENOENT
from pathlib import Path

import pytest

from emu.cli.guest_files import read_file, read_link
from tests.vfs.program import a_program


def test_a_file_and_a_link_are_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    (tmp_path / "l").symlink_to("f")
    task = a_program(tmp_path).task
    assert read_file(task, b"/l") == b"content"
    assert read_link(task, b"/l") == b"f"


@pytest.mark.parametrize(
    ("path", "number"),
    [(b"/no", ENOENT), (b"/f\0g", ENOENT), (b"\0", ENOENT), (b"", ENOENT), (b"/", EINVAL)],
)
def test_what_cannot_be_read_is_an_error_of_the_system(
    tmp_path: Path, path: bytes, number: int
) -> None:
    (tmp_path / "f").write_bytes(b"content")
    with pytest.raises(OSError, match=r".") as refused:
        read_file(a_program(tmp_path).task, path)
    assert refused.value.errno == number
