"""The machine code of the host is what its assembly says, and is kept where it can run."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from emu.cpu import hostcode, slot_counter
from emu.cpu.hostcode import HostCode
from emu.errors import EngineError
from tests.source_tree import ROOT

SOURCES: Final = ROOT / "emu" / "cpu"
CODES: Final = {
    "trampoline.S": hostcode.TRAMPOLINE_CODE,
    "syscall.S": hostcode.SYSCALL_CODE,
    "port_fault.S": hostcode.PORT_FAULT_CODE,
    "leave.S": hostcode.LEAVE_CODE,
    "slot_callback.S": slot_counter.CALLBACK_CODE,
}
MARKS: Final = {
    "trampoline.S": (
        hostcode.CONTEXT,
        hostcode.SAVE,
        hostcode.CELL,
        hostcode.READ,
        hostcode.PYTHON,
        hostcode.RESTORE,
        hostcode.FLAGS_REGISTER,
    ),
    "syscall.S": (hostcode.STATE, hostcode.KERNEL_COUNT, hostcode.PYTHON, hostcode.FLAGS_REGISTER),
    "port_fault.S": (hostcode.ADDRESS, hostcode.CONTROL, hostcode.REQUEST),
    "leave.S": (hostcode.PYTHON, hostcode.ADDRESS, hostcode.CONTROL, hostcode.REQUEST),
    "slot_callback.S": (
        slot_counter.STATE_MARK,
        slot_counter.STOP_MARK,
        slot_counter.PYTHON_MARK,
    ),
}


def assembled(source: Path, folder: Path) -> bytes:
    """The bytes of `source`; skips where there is no assembler."""
    if not (shutil.which("as") and shutil.which("objcopy")):
        pytest.skip("needs GNU as and objcopy")
    subprocess.run(["as", "--64", "-o", "code.o", str(source)], cwd=folder, check=True)
    copy = ["objcopy", "-O", "binary", "-j", ".text", "code.o", "code.bin"]
    subprocess.run(copy, cwd=folder, check=True)
    return (folder / "code.bin").read_bytes()


@pytest.mark.parametrize("name", CODES)
def test_the_bytes_are_what_the_source_assembles_to(name: str, tmp_path: Path) -> None:
    assert assembled(SOURCES / name, tmp_path) == CODES[name]


def test_every_assembly_file_of_the_room_is_compared() -> None:
    assert {path.name for path in SOURCES.glob("*.S")} == set(CODES)


@pytest.mark.parametrize(
    ("name", "mark"), [(name, mark) for name, marks in MARKS.items() for mark in marks]
)
def test_every_mark_stands_in_its_code(name: str, mark: bytes) -> None:
    assert mark in CODES[name]


native = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")


@native
def test_placed_code_runs_with_its_constants() -> None:
    load_and_return = bytes.fromhex("48b81111111111111111c3")  # movabs $mark,%rax; ret
    keeper = HostCode()
    first = keeper.add(load_and_return, {hostcode.CONTEXT: 0x1234_5678_9ABC_DEF0})
    second = keeper.add(load_and_return, {hostcode.CONTEXT: 7})
    call = ctypes.CFUNCTYPE(ctypes.c_uint64)
    assert (call(first)(), call(second)()) == (0x1234_5678_9ABC_DEF0, 7)
    assert first % 16 == second % 16 == 0


@native
def test_a_mark_that_the_code_lacks_changes_nothing() -> None:
    keeper = HostCode()
    address = keeper.add(bytes.fromhex("b807000000c3"), {hostcode.CONTEXT: 1})
    assert ctypes.CFUNCTYPE(ctypes.c_uint32)(address)() == 7


@pytest.mark.parametrize(
    ("machine", "system", "supported"),
    [
        ("x86_64", "Linux", True),
        ("x86_64", "Darwin", True),
        ("aarch64", "Linux", False),
        ("arm64", "Darwin", False),
        ("x86_64", "FreeBSD", False),
    ],
)
def test_a_host_is_supported_by_its_processor_and_system(
    monkeypatch: pytest.MonkeyPatch, machine: str, system: str, supported: bool
) -> None:
    name = os.uname_result((system, "node", "release", "version", machine))
    monkeypatch.setattr(os, "uname", lambda: name)
    assert hostcode.is_supported() is supported
    if not supported:
        with pytest.raises(EngineError, match="cannot run the machine code"):
            HostCode()


@native
def test_a_host_that_forbids_executable_memory_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_keywords: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("emu.cpu.hostcode.mmap.mmap", refuse)
    with pytest.raises(EngineError, match="the host allows no executable memory"):
        HostCode()
