"""A call's line: every supported call has its row, and rows speak of kinds that there are."""

from __future__ import annotations

from typing import Any

import pytest

from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.errno import ENOENT
from kernel_stub.syscalls import every_call
from kernel_stub.trace.line import KINDS, CallLine
from kernel_stub.trace.table import ARGUMENTS, RESULTS, SPLIT, WIDE
from tests.kernel.world import SCRATCH, World

CALLS = every_call()

NUMBERS = {abi.name: {name: n for n, name in abi.numbers.items()} for abi in (X86_64, I386)}


def test_every_supported_call_has_a_row() -> None:
    assert CALLS.keys() - ARGUMENTS.keys() == set()


def test_every_row_is_of_a_call_that_linux_has() -> None:
    known = NUMBERS["x86_64"].keys() | NUMBERS["i386"].keys() | CALLS.keys()
    assert ARGUMENTS.keys() - known == set()
    assert RESULTS.keys() - ARGUMENTS.keys() == set()


def test_rows_speak_of_kinds_that_there_are_and_no_kind_is_idle() -> None:
    used = {kind for row in ARGUMENTS.values() for kind in row.split()}
    assert used - KINDS == set()
    assert KINDS - used == set()
    assert used >= {WIDE, SPLIT}


# Calls whose last arguments only some of their commands have.
OPTIONAL = ("futex", "futex_time64", "membarrier")


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_row_has_no_fewer_arguments_than_the_handler_reads(name: str) -> None:
    optional = ("cpu", "second", "third") if name in OPTIONAL else ()
    handled = [argument for argument in CALLS[name].names if argument not in optional]
    row = ARGUMENTS[name].split()
    assert len(row) + row.count(SPLIT) >= len(handled)


def line(
    name: str, *registers: int, result: int = 0, abi: Abi = X86_64, memory: bytes = b""
) -> str:
    world = World(abi)
    if memory:
        world.task.memory.copy_out(SCRATCH, memory)
    padded = (*registers, *(0,) * (6 - len(registers)))
    return CallLine(world.task, abi, name, padded).ended(result)


M1 = (1 << 64) - 1
CLAIMS: tuple[tuple[tuple[Any, ...], dict[str, Any], str], ...] = (
    (("close", 3), {}, "close(3)                                = 0"),
    (("membarrier", 0, 0), {}, "membarrier(MEMBARRIER_CMD_QUERY, 0)     = 0"),
    (("ioprio_get", 1, 0), {}, "ioprio_get(IOPRIO_WHO_PROCESS, 0)       = 0"),
    (
        ("ioprio_set", 1, 0, 0x4005),
        {},
        "ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 5)) = 0",
    ),
    (("brk", 0), {"result": 0x1000}, "brk(NULL)                               = 0x1000"),
    (
        ("open", SCRATCH, 0o101, 0o644),
        {"memory": b"/a\0", "result": 3},
        'open("/a", O_WRONLY|O_CREAT, 0644)      = 3',
    ),
    (
        ("open", SCRATCH, 0, 0o644),
        {"memory": b"/a\0", "result": -ENOENT},
        'open("/a", O_RDONLY)                    = -1 ENOENT (No such file or directory)',
    ),
    (
        ("openat", M1 - 99, SCRATCH, 0o2000000),
        {"memory": b"x\0", "result": 4},
        'openat(AT_FDCWD, "x", O_RDONLY|O_CLOEXEC) = 4',
    ),
    (
        ("read", 0, SCRATCH, 100),
        {"memory": b"hello\n", "result": 6},
        'read(0, "hello\\n", 100)                 = 6',
    ),
    (("read", 0, SCRATCH, 9), {"result": -9}, f"read(0, {SCRATCH:#x}, 9)"),
    (("write", 1, 8, 2), {"result": -14}, "write(1, 0x8, 2)                        = -1 EFAULT"),
    (("umask", 0o22), {"result": 0}, "umask(022)                              = 000"),
    (("mprotect", 0x1000, 4096, 0), {}, "mprotect(0x1000, 4096, PROT_NONE)       = 0"),
    (
        ("mmap", 0, 8192, 3, 0x22, M1, 0),
        {"result": 0x7000},
        "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7000",
    ),
    (("lseek", 3, M1 - 5, 1), {"result": 2}, "lseek(3, -6, SEEK_CUR)                  = 2"),
    (
        ("pread64", 3, SCRATCH, 4, 0x1_0000_0000),
        {"memory": b"abcd", "result": 4},
        'pread64(3, "abcd", 4, 4294967296)       = 4',
    ),
    (
        ("pread64", 3, SCRATCH, 4, 5, 1),
        {"memory": b"abcd", "result": 4, "abi": I386},
        'pread64(3, "abcd", 4, 4294967301)       = 4',
    ),
    (("fcntl", 1, 3), {"result": 0o100002}, "= 0x8002 (flags O_RDWR|O_LARGEFILE)"),
    (("fcntl", 1, 1), {"result": 1}, "fcntl(1, F_GETFD)                       = 0x1 (flags FD_C"),
    (("fcntl", 1, 0, 10), {"result": 10}, "fcntl(1, F_DUPFD, 10)"),
    (("pipe", SCRATCH), {"memory": b"\3\0\0\0\4\0\0\0"}, "pipe([3, 4])"),
    (
        ("rt_sigprocmask", 0, SCRATCH, 0, 8),
        {"memory": b"\2" + bytes(7)},
        "rt_sigprocmask(SIG_BLOCK, [INT], NULL, 8) = 0",
    ),
    (
        ("nanosleep", SCRATCH, 0),
        {"memory": (1).to_bytes(8, "little") + (500).to_bytes(8, "little")},
        "nanosleep({tv_sec=1, tv_nsec=500}, NULL)",
    ),
    (
        ("nanosleep", SCRATCH, 0),
        {"memory": (1).to_bytes(4, "little") + (500).to_bytes(4, "little"), "abi": I386},
        "nanosleep({tv_sec=1, tv_nsec=500}, NULL)",
    ),
    (
        ("prctl", 16, SCRATCH),
        {"memory": b"it\0"},
        'prctl(PR_GET_NAME, "it")                = 0',
    ),
    (("prctl", 4, 1), {}, "prctl(PR_SET_DUMPABLE, 0x1)             = 0"),
    (("ioctl", 4, 0x4004_9409, 3), {"result": -25}, "ioctl(4, FICLONE, 3)"),
    (("kill", 7, 9), {}, "kill(7, SIGKILL)"),
    (
        ("nobody_knows", 1, 2),
        {"result": -38},
        "nobody_knows(0x1, 0x2, 0, 0, 0, 0)      = -1 ENOSYS",
    ),
)


@pytest.mark.parametrize(("call", "about", "wanted"), CLAIMS)
def test_a_line_is_written(call: tuple[Any, ...], about: dict[str, Any], wanted: str) -> None:
    name, *registers = call
    assert wanted in line(name, *registers, **about)


def test_a_call_without_an_answer_is_unfinished() -> None:
    world = World(X86_64)
    one = CallLine(world.task, X86_64, "exit_group", (3, 0, 0, 0, 0, 0))
    assert one.unfinished() == "exit_group(3)                           = ?"
