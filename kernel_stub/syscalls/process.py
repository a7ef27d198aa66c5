"""System calls about the process itself: its end, its ids, its children, prctl.

There is one process yet: it has no children to wait for.
_exit(2), getpid(2), setpgid(2), setsid(2), wait(2), prctl(2), set_tid_address(2).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from kernel_stub.abi.process_structures import INT, ROBUST_LIST_HEAD
from kernel_stub.errno import ECHILD, EINVAL, EPERM, ESRCH, Errno
from kernel_stub.syscalls.table import Int, Pointer, ULong, syscall
from kernel_stub.task import Task

NAME_SIZE: Final = 16  # with the NUL
LAST_CAPABILITY: Final = 40
LAST_SIGNAL: Final = 64

_WAIT_OPTIONS: Final = 1 | 2 | 8 | 0x2000_0000 | 0x4000_0000 | 0x8000_0000
_WAITID_OPTIONS: Final = 1 | 2 | 4 | 8 | 0x0100_0000 | 0x2000_0000 | 0x4000_0000 | 0x8000_0000
_WAITID_STATES: Final = 2 | 4 | 8  # WSTOPPED, WEXITED, WCONTINUED
_WAITID_KINDS: Final = range(4)  # P_ALL, P_PID, P_PGID, P_PIDFD

PR_SET_PDEATHSIG: Final = 1
PR_GET_PDEATHSIG: Final = 2
PR_GET_DUMPABLE: Final = 3
PR_SET_DUMPABLE: Final = 4
PR_SET_NAME: Final = 15
PR_GET_NAME: Final = 16
PR_GET_SECCOMP: Final = 21
PR_CAPBSET_READ: Final = 23
PR_SET_TIMERSLACK: Final = 29
PR_GET_TIMERSLACK: Final = 30
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_NO_NEW_PRIVS: Final = 39
PR_GET_TID_ADDRESS: Final = 40
_TIMER_SLACK_NS: Final = 50_000


@syscall()
def exit(task: Task, status: Int) -> int:
    if task.clear_child_tid:
        with suppress(Errno):  # the kernel does not care either
            task.memory.pack(INT, task.clear_child_tid, 0)
    task.kernel.exit_group(task, status)


@syscall()
def exit_group(task: Task, status: Int) -> int:
    task.kernel.exit_group(task, status)


@syscall()
def getpid(task: Task) -> int:
    return task.pid


@syscall()
def gettid(task: Task) -> int:
    return task.pid


@syscall()
def getppid(task: Task) -> int:
    return task.parent_pid


def require_self(task: Task, pid: int) -> None:
    """There is no other process. Raises Errno(ESRCH)."""
    if pid not in (0, task.pid):
        raise Errno(ESRCH)


@syscall()
def getpgrp(task: Task) -> int:
    return task.process_group


@syscall()
def getpgid(task: Task, pid: Int) -> int:
    require_self(task, pid)
    return task.process_group


@syscall()
def setpgid(task: Task, pid: Int, group: Int) -> int:
    if group < 0:
        raise Errno(EINVAL)
    require_self(task, pid)
    group = group or task.pid
    if task.session == task.pid or group not in (task.pid, task.process_group):
        raise Errno(EPERM)
    task.process_group = group
    return 0


@syscall()
def getsid(task: Task, pid: Int) -> int:
    require_self(task, pid)
    return task.session


@syscall()
def setsid(task: Task) -> int:
    if task.process_group == task.pid:
        raise Errno(EPERM)
    task.session = task.process_group = task.pid
    return task.pid


@syscall()
def set_tid_address(task: Task, address: Pointer) -> int:
    task.clear_child_tid = address
    return task.pid


@syscall()
def set_robust_list(task: Task, head: Pointer, length: ULong) -> int:
    if length != ROBUST_LIST_HEAD[task.abi.word].size:
        raise Errno(EINVAL)
    task.robust_list = (head, length)
    return 0


@syscall()
def get_robust_list(task: Task, pid: Int, head: Pointer, length: Pointer) -> int:
    require_self(task, pid)
    pointer, size = task.robust_list
    task.memory.pack(task.abi.pointer, length, size or ROBUST_LIST_HEAD[task.abi.word].size)
    task.memory.pack(task.abi.pointer, head, pointer)
    return 0


@syscall()
def wait4(task: Task, pid: Int, status: Pointer, options: Int, usage: Pointer) -> int:  # noqa: ARG001 - no child ever fills them
    if options & 0xFFFF_FFFF & ~_WAIT_OPTIONS:
        raise Errno(EINVAL)
    if pid == -(1 << 31):
        raise Errno(ESRCH)
    raise Errno(ECHILD)


@syscall()
def waitpid(task: Task, pid: Int, status: Pointer, options: Int) -> int:
    return wait4(task, pid, status, options, 0)


@syscall()
def waitid(task: Task, kind: Int, pid: Int, result: Pointer, options: Int, usage: Pointer) -> int:  # noqa: ARG001 - no child ever fills them
    states = options & _WAITID_STATES
    if options & 0xFFFF_FFFF & ~_WAITID_OPTIONS or not states or kind not in _WAITID_KINDS:
        raise Errno(EINVAL)
    raise Errno(ECHILD)


@syscall(
    "prctl",
    support="partial",
    missing="only names, dumpable, pdeathsig, timer slack, no_new_privs and the reading of "
    "seccomp mode and capability bounds; every other option is EINVAL",
)
def prctl(task: Task, option: Int, first: ULong, second: ULong, third: ULong, fourth: ULong) -> int:
    handler = _PRCTL.get(option)
    if handler is None:
        raise Errno(EINVAL)
    return handler(task, first, (second, third, fourth))


def _set_name(task: Task, address: int, _: tuple[int, ...]) -> int:
    task.name = _bounded_string(task, address, NAME_SIZE - 1)
    return 0


def _bounded_string(task: Task, address: int, limit: int) -> bytes:
    """At most `limit` bytes of a string; what is behind them is not looked at."""
    string = b""
    while len(string) < limit:
        byte = task.memory.copy_in(address + len(string), 1)
        if byte == b"\0":
            break
        string += byte
    return string


def _get_name(task: Task, address: int, _: tuple[int, ...]) -> int:
    task.memory.copy_out(address, task.name.ljust(NAME_SIZE, b"\0"))
    return 0


def _set_death_signal(task: Task, signal: int, _: tuple[int, ...]) -> int:
    if signal > LAST_SIGNAL:
        raise Errno(EINVAL)
    task.parent_death_signal = signal
    return 0


def _get_death_signal(task: Task, address: int, _: tuple[int, ...]) -> int:
    task.memory.pack(INT, address, task.parent_death_signal)
    return 0


def _set_dumpable(task: Task, value: int, _: tuple[int, ...]) -> int:
    if value not in (0, 1):
        raise Errno(EINVAL)
    task.dumpable = value
    return 0


def _set_no_new_privileges(task: Task, value: int, rest: tuple[int, ...]) -> int:
    if value != 1 or any(rest):
        raise Errno(EINVAL)
    task.no_new_privileges = 1
    return 0


def _get_no_new_privileges(task: Task, value: int, rest: tuple[int, ...]) -> int:
    if value or any(rest):
        raise Errno(EINVAL)
    return task.no_new_privileges


def _read_bound(task: Task, capability: int, _: tuple[int, ...]) -> int:  # noqa: ARG001 - no capability is ever dropped
    if capability > LAST_CAPABILITY:
        raise Errno(EINVAL)
    return 1


def _set_timer_slack(task: Task, value: int, _: tuple[int, ...]) -> int:
    task.timer_slack_ns = value or _TIMER_SLACK_NS
    return 0


def _get_tid_address(task: Task, address: int, _: tuple[int, ...]) -> int:
    task.memory.pack(task.abi.pointer, address, task.clear_child_tid)
    return 0


_PRCTL: Final = {
    PR_SET_NAME: _set_name,
    PR_GET_NAME: _get_name,
    PR_SET_PDEATHSIG: _set_death_signal,
    PR_GET_PDEATHSIG: _get_death_signal,
    PR_SET_DUMPABLE: _set_dumpable,
    PR_GET_DUMPABLE: lambda task, *_: task.dumpable,
    PR_GET_SECCOMP: lambda task, *_: 0,
    PR_CAPBSET_READ: _read_bound,
    PR_SET_TIMERSLACK: _set_timer_slack,
    PR_GET_TIMERSLACK: lambda task, *_: task.timer_slack_ns,
    PR_SET_NO_NEW_PRIVS: _set_no_new_privileges,
    PR_GET_NO_NEW_PRIVS: _get_no_new_privileges,
    PR_GET_TID_ADDRESS: _get_tid_address,
}
