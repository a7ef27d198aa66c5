"""The vsyscall page: its three functions work by a fault, and nothing else of it does."""

from __future__ import annotations

import pytest

from emu.x86.paging import PF_FETCH, PF_USER
from kernel_stub.abi.abi import X86_64
from kernel_stub.layout import VSYSCALL_PAGE
from kernel_stub.vsyscall import emulate
from tests.cli.command import ringscope
from tests.kernel.world import SCRATCH, World

FETCH = PF_USER | PF_FETCH
BACK = 0x40_1234
RSP = SCRATCH + 0x100
NOW = 1_700_000_005


@pytest.fixture
def world() -> World:
    world = World(X86_64)
    world.task.memory.pack(X86_64.pointer, RSP, BACK)
    return world


@pytest.mark.parametrize(
    ("offset", "arguments", "result", "stored"),
    [
        (0x000, (SCRATCH, 0, 0), 0, (NOW, 0)),
        (0x400, (SCRATCH, 0, 0), NOW, (NOW, 0)),
        (0x800, (SCRATCH, 0, 0), 0, (0, 0)),
    ],
    ids=["gettimeofday", "time", "getcpu"],
)
def test_a_function_does_what_the_call_does_and_returns(
    world: World, offset: int, arguments: tuple[int, ...], result: int, stored: tuple[int, int]
) -> None:
    registers = emulate(world.task, VSYSCALL_PAGE + offset, FETCH, RSP, arguments)
    assert registers == {"rax": result, "rip": BACK, "rsp": RSP + 8}
    assert world.task.memory.unpack(X86_64.words(2), SCRATCH) == stored


@pytest.mark.parametrize(
    ("offset", "code", "rsp", "pointer"),
    [
        (0x000, PF_USER, RSP, SCRATCH),
        (0x010, FETCH, RSP, SCRATCH),
        (0xC00, FETCH, RSP, SCRATCH),
        (0x000, FETCH, 0, SCRATCH),
        (0x000, FETCH, RSP, 8),
    ],
    ids=["a read", "inside a function", "no fourth", "no stack", "a bad pointer"],
)
def test_all_else_is_a_fault(world: World, offset: int, code: int, rsp: int, pointer: int) -> None:
    assert emulate(world.task, VSYSCALL_PAGE + offset, code, rsp, (pointer, 0, 0)) == {}


CALL_TIME = "import ctypes; print(ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)({:#x})(None))"


def test_a_program_calls_it_unless_it_is_none() -> None:
    python = ["/usr/bin/python3", "-S", "-c", CALL_TIME.format(VSYSCALL_PAGE + 0x400)]
    ended = ringscope("run", *python)
    assert int(ended.out) >= 1_793_491_200
    none = ringscope("run", "--vsyscall", "none", *python)
    assert (none.status, none.out) == (139, "")
    assert f"address {VSYSCALL_PAGE + 0x400:#x}" in none.err


@pytest.mark.parametrize(("options", "lines"), [((), 1), (("--vsyscall", "none"), 0)])
def test_the_page_stands_in_the_map_of_a_program(options: tuple[str, ...], lines: int) -> None:
    ended = ringscope("run", *options, "/bin/cat", "/proc/self/maps")
    assert ended.out.count("--xp 00000000 00:00 0                  [vsyscall]\n") == lines
