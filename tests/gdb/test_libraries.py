"""The dynamic linker's list, read from memory that may hold anything."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.gdb.libraries import loaded
from emu.gdb.target import Library
from tests.gdb.test_adapter import a_target

LINKERS = {64: "/lib64/ld-linux-x86-64.so.2", 32: "/lib/ld-linux.so.2"}


@pytest.mark.parametrize("bits", [64, 32])
def test_before_the_linker_ran_it_is_all_there_is_and_afterwards_its_list_counts(
    bits: int,
) -> None:
    target = a_target(f"hello_glibc_dynamic_{bits}")

    def names() -> list[str]:
        return [one.name for one in loaded(target.read, target.auxiliary_vector(), bits)]

    assert names() == [LINKERS[bits]]
    target.catch_syscalls(())
    while len(found := names()) < 4:
        assert not target.resume().reason.is_end
    assert found[0] == ""
    assert found[1] in ("linux-vdso.so.1", "linux-gate.so.1")
    assert found[2].endswith("/libc.so.6")
    assert found[3] == LINKERS[bits]


@pytest.mark.parametrize("name", ["debugged_64", "hello_glibc_static_pie_64"])
def test_a_static_program_has_none(name: str) -> None:
    target = a_target(name)
    assert loaded(target.read, target.auxiliary_vector(), 64) == []


def memory(content: dict[int, bytes]) -> Callable[[int, int], bytes]:
    def read(address: int, size: int) -> bytes:
        for start, piece in content.items():
            if start <= address < start + len(piece):
                return piece[address - start :][:size]
        return b""

    return read


HEADERS = struct.pack("<2I6Q", 6, 4, 0, 0x40, 0, 0, 0, 8) + struct.pack(
    "<2I6Q", 2, 4, 0, 0x2000, 0, 0, 0, 8
)
AUXV = struct.pack("<6Q", 3, 0x40, 4, 56, 5, 2)
DYNAMIC = struct.pack("<4Q", 21, 0x3000, 0, 0)


def link_maps(following: int) -> dict[int, bytes]:
    return {
        0x40: HEADERS,
        0x2000: DYNAMIC,
        0x3000: struct.pack("<2Q", 1, 0x4000),
        0x4000: struct.pack("<4Q", 0, 0, 0x2000, 0x5000),
        0x5000: struct.pack("<4Q", 0x10000, 0x6000, 0x7000, following),
        0x6000: b"/lib/one.so\0rest",
    }


def test_the_list_is_followed_to_its_end() -> None:
    assert loaded(memory(link_maps(0)), AUXV, 64) == [
        Library("", 0x4000, 0, 0x2000),
        Library("/lib/one.so", 0x5000, 0x10000, 0x7000),
    ]


def test_a_list_that_goes_round_ends() -> None:
    assert len(loaded(memory(link_maps(0x5000)), AUXV, 64)) == 1024


def test_a_list_that_leads_nowhere_is_none() -> None:
    assert loaded(memory(link_maps(0x9000)), AUXV, 64) == []


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from([32, 64]))
def test_whatever_is_there_is_survived(auxv: bytes, content: bytes, bits: int) -> None:
    assert loaded(memory({0: content}), auxv, bits) is not None
