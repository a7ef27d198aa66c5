"""Modes, owners and times: who may change them, and what they are then."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import pytest

from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.errno import EACCES, EPERM
from tests.vfs.program import AT_FDCWD, Program, a_program
from tests.vfs.world import NOW

SECOND: Final = 10**9
NOBODY: Final = 65534
OMIT, UTIME_NOW = (1 << 30) - 2, (1 << 30) - 1


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "f").chmod(0o644)
    (tmp_path / "l").symlink_to("f")
    (tmp_path / "d").mkdir()
    tmp_path.chmod(0o755)
    program = a_program(tmp_path)
    program.put("mine", b"mine", mode=0o640)
    program.call("chown", b"mine", NOBODY, NOBODY)
    return program


def owner(program: Program, path: bytes) -> tuple[int, int]:
    status = program.status("lstat", path)
    return status["st_uid"], status["st_gid"]


def test_chown_changes_what_is_not_minus_one(program: Program) -> None:
    program.call("chown", b"f", 5, -1)
    program.call("lchown", b"l", 7, 8)
    program.call("fchownat", AT_FDCWD, b"f", -1, 6, 0)
    assert owner(program, b"f") == (5, 6)
    assert owner(program, b"l") == (7, 8)


def test_i386_had_ids_of_16_bits_first(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    program = a_program(tmp_path, abi=I386)
    program.call("chown", b"f", 0x12345, 0xFFFF)
    status = program.status("stat64", b"f")
    assert (status["st_uid"], status["st_gid"]) == (0x2345, (tmp_path / "f").stat().st_gid)
    program.call("chown32", b"f", 0x12345, 0xFFFF)
    status = program.status("stat64", b"f")
    assert (status["st_uid"], status["st_gid"]) == (0x12345, 0xFFFF)


def test_a_new_owner_costs_the_set_user_id_bit(program: Program) -> None:
    program.call("chmod", b"f", 0o6755)
    program.call("chown", b"f", 5, 5)
    assert program.status("stat", b"f")["st_mode"] == 0o100755
    program.call("chmod", b"f", 0o2745)
    program.call("chown", b"f", 6, 6)
    assert program.status("stat", b"f")["st_mode"] == 0o102745


def test_others_change_nothing(program: Program) -> None:
    program.task.uid = program.task.gid = NOBODY
    for path in (b"f", b"d"):
        assert program.fails("chmod", path, 0o777) == EPERM
        assert program.fails("chown", path, NOBODY, -1) == EPERM
        assert program.fails("utime", path, bytes(16)) == EPERM
        assert program.fails("utime", path, 0) == EACCES
    assert program.call("chmod", b"mine", 0o600) == 0
    assert program.call("chown", b"mine", NOBODY, NOBODY) == 0
    assert program.fails("chown", b"mine", NOBODY, 7) == EPERM
    program.task.groups = (7,)
    assert program.call("chown", b"mine", -1, 7) == 0


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "allowed"),
    [
        (0o400, NOBODY, NOBODY, 4),
        (0o070, NOBODY, NOBODY, 0),
        (0o070, 1, NOBODY, 7),
        (0o007, 1, NOBODY, 0),
        (0o005, 1, 1, 5),
        (0o000, 0, 0, 6),
        (0o010, 0, 0, 7),
    ],
)
def test_the_first_triplet_that_fits_decides(
    mode: int, uid: int, gid: int, allowed: int, program: Program
) -> None:
    program.call("chmod", b"mine", mode)
    program.task.uid, program.task.gid = uid, gid
    granted = [m for m in (4, 2, 1) if not program.fails("access", b"mine", m)]
    assert sum(granted) == allowed


def times(word: int, *values: int) -> bytes:
    return struct.pack("<4q" if word == 8 else "<4i", *values)


def seen(program: Program, path: bytes = b"f") -> tuple[int, int]:
    status = program.status("lstat64" if program.abi.word == 4 else "lstat", path)
    accessed, changed = (
        status[name] * SECOND + status[name + "_nsec"] for name in ("st_atime", "st_mtime")
    )
    return accessed, changed


@pytest.mark.parametrize("abi", [X86_64, I386], ids=lambda abi: abi.name)
def test_times_are_set_as_precisely_as_each_call_can(abi: object, program: Program) -> None:
    program.task.abi = abi
    program = Program(program.task)
    word = program.abi.word
    program.call("utimensat", AT_FDCWD, b"f", times(word, 1, 2, 3, 4), 0)
    assert seen(program) == (SECOND + 2, 3 * SECOND + 4)
    program.call("utimes", b"f", times(word, 5, 6, 7, 8))
    assert seen(program) == (5 * SECOND + 6000, 7 * SECOND + 8000)
    program.call("futimesat", AT_FDCWD, b"f", times(word, 9, 0, 9, 1))
    assert seen(program) == (9 * SECOND, 9 * SECOND + 1000)
    program.call("utime", b"f", times(word, 11, 12, 0, 0))
    assert seen(program) == (11 * SECOND, 12 * SECOND)
    program.call("utimensat_time64", AT_FDCWD, b"f", times(8, 1, 2, 3, 4), 0)
    assert seen(program) == (SECOND + 2, 3 * SECOND + 4)


def test_now_and_omit_are_times_too(program: Program) -> None:
    program.call("utimensat", AT_FDCWD, b"f", times(8, 1, 2, 3, 4), 0)
    program.call("utimensat", AT_FDCWD, b"f", times(8, 0, OMIT, 0, UTIME_NOW), 0)
    assert seen(program) == (SECOND + 2, NOW)
    program.call("utimensat", AT_FDCWD, b"f", times(8, 0, OMIT, 0, OMIT), 0)
    assert seen(program) == (SECOND + 2, NOW)
    program.call("utimensat", AT_FDCWD, b"f", 0, 0)
    assert seen(program) == (NOW, NOW)


def test_a_link_has_times_of_its_own(program: Program) -> None:
    before = seen(program, b"f")
    program.call("utimensat", AT_FDCWD, b"l", times(8, 1, 0, 2, 0), 0x100)
    assert seen(program, b"l") == (SECOND, 2 * SECOND)
    assert seen(program, b"f") == before
