"""What calls refuse, and by which error: each claim holds here and in the host's own kernel."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from kernel_stub import errno as e
from kernel_stub.abi.abi import X86_64
from tests.syscalls.claims import CLAIMS, CLOSED, NULL, OUT, Argument, Fd, Pipe
from tests.vfs.program import BUFFER, Program, a_program


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").write_bytes(b"file")
    (tmp_path / "f").chmod(0o644)
    (tmp_path / "d/g").write_bytes(b"g")
    (tmp_path / "l").symlink_to("f")
    (tmp_path / "ld").symlink_to("d")
    (tmp_path / "d/up").symlink_to("../f")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


def guest_argument(program: Program, argument: Argument) -> int | bytes:
    if isinstance(argument, Fd):
        try:
            return program.open(argument.path, argument.flags)
        except e.Errno:
            return CLOSED
    if isinstance(argument, Pipe):
        program.call("pipe", BUFFER)
        return program.peek(8)[4 * argument.end]
    if isinstance(argument, str):
        return {OUT: BUFFER, NULL: 0}[argument]
    return argument


@pytest.mark.parametrize(("name", "arguments", "error"), CLAIMS)
def test_the_call_ends_so(
    name: str, arguments: tuple[Argument, ...], error: int, tree: Path
) -> None:
    program = a_program(tree, uid=os.getuid())
    assert (
        program.fails(name, *[guest_argument(program, argument) for argument in arguments]) == error
    )


NUMBERS: Final = {name: number for number, name in X86_64.numbers.items()}


class HostCalls:
    """System calls of this very process; what it opens is closed at the end."""

    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.syscall.restype = ctypes.c_long
        self.opened: list[int] = []
        self.kept: list[object] = []

    def argument(self, argument: Argument) -> ctypes.c_long | ctypes.c_void_p:
        if isinstance(argument, Fd):
            try:
                self.opened.append(os.open(argument.path, argument.flags))
            except OSError:
                return ctypes.c_long(CLOSED)
            return ctypes.c_long(self.opened[-1])
        if isinstance(argument, Pipe):
            ends = os.pipe()
            self.opened += ends
            return ctypes.c_long(ends[argument.end])
        if isinstance(argument, int):
            return ctypes.c_long(argument)
        if argument == NULL:
            return ctypes.c_void_p(0)
        buffer = ctypes.create_string_buffer(argument if isinstance(argument, bytes) else 1 << 13)
        self.kept.append(buffer)
        return ctypes.cast(buffer, ctypes.c_void_p)

    def error(self, name: str, arguments: tuple[Argument, ...]) -> int:
        makes = name.startswith(("open", "creat", "dup", "memfd", "eventfd"))
        values = [self.argument(argument) for argument in arguments]
        values += [ctypes.c_long(0)] * (6 - len(values))
        result = int(self.libc.syscall(ctypes.c_long(NUMBERS[name]), *values))
        if result < 0:
            return ctypes.get_errno()
        if makes:
            self.opened.append(result)
        return 0

    def close(self) -> None:
        for descriptor in self.opened:
            os.close(descriptor)


@pytest.fixture
def host(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostCalls]:
    monkeypatch.chdir(tree)
    calls = HostCalls()
    yield calls
    calls.close()


@pytest.mark.may_skip("the host's kernel may be older than a call")
@pytest.mark.parametrize(("name", "arguments", "error"), CLAIMS)
def test_the_hosts_kernel_ends_it_so_too(
    name: str, arguments: tuple[Argument, ...], error: int, host: HostCalls
) -> None:
    answer = host.error(name, arguments)
    if answer == e.ENOSYS:
        pytest.skip(f"this host has no {name}")
    assert answer == error
