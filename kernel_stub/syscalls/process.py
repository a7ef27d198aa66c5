"""System calls about the process itself: its end, its ids, prctl.

_exit(2), getpid(2), setpgid(2), setsid(2), prctl(2), set_tid_address(2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kernel_stub.abi.process_structures import INT, ROBUST_LIST_HEAD
from kernel_stub.errno import EACCES, EINVAL, EPERM, ESRCH, Errno
from kernel_stub.process import Process
from kernel_stub.syscalls.table import Int, Pointer, ULong, syscall
from kernel_stub.task import Task

NAME_SIZE: Final = 16  # with the NUL
LAST_SIGNAL: Final = 64

PR_SET_PDEATHSIG: Final = 1
PR_GET_PDEATHSIG: Final = 2
PR_GET_DUMPABLE: Final = 3
PR_SET_DUMPABLE: Final = 4
PR_SET_NAME: Final = 15
PR_GET_NAME: Final = 16
PR_GET_SECCOMP: Final = 21
PR_SET_TIMERSLACK: Final = 29
PR_GET_TIMERSLACK: Final = 30
PR_SET_CHILD_SUBREAPER: Final = 36
PR_GET_CHILD_SUBREAPER: Final = 37
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_NO_NEW_PRIVS: Final = 39
PR_GET_TID_ADDRESS: Final = 40
_TIMER_SLACK_NS: Final = 50_000


@syscall()
def exit(task: Task, status: Int) -> int:
    task.kernel.exit_thread(task, status)


@syscall()
def exit_group(task: Task, status: Int) -> int:
    task.kernel.exit_group(task, status)


@syscall()
def getpid(task: Task) -> int:
    return task.pid


@syscall()
def gettid(task: Task) -> int:
    return task.tid


@syscall()
def getppid(task: Task) -> int:
    return task.parent_pid


def find_process(task: Task, pid: int) -> Process:
    """The process `pid`; 0: the task's own. Raises Errno(ESRCH)."""
    found = task.process if not pid else task.kernel.process(pid)
    if found is None:
        raise Errno(ESRCH)
    return found


def find_task(task: Task, tid: int) -> Task:
    """The task `tid`; 0: this one. Raises Errno(ESRCH)."""
    found = task if not tid else task.kernel.find_task(tid)
    if found is None:
        raise Errno(ESRCH)
    return found


@syscall()
def getpgrp(task: Task) -> int:
    return task.process_group


@syscall()
def getpgid(task: Task, pid: Int) -> int:
    return find_process(task, pid).group


@syscall()
def setpgid(task: Task, pid: Int, group: Int) -> int:
    if group < 0:
        raise Errno(EINVAL)
    process = find_process(task, pid)
    if process is not task.process:
        if process.parent is not task.process:
            raise Errno(ESRCH)
        if process.session != task.session:
            raise Errno(EPERM)
        if process.has_executed:
            raise Errno(EACCES)
    group = group or process.pid
    if process.session == process.pid:
        raise Errno(EPERM)
    if group != process.pid and not _has_group(task, group):
        raise Errno(EPERM)
    process.group = group
    return 0


def _has_group(task: Task, group: int) -> bool:
    """Whether the session of `task` has a process group `group`."""
    return any(
        process.group == group and process.session == task.session
        for process in task.kernel.processes()
    )


@syscall()
def getsid(task: Task, pid: Int) -> int:
    return find_process(task, pid).session


@syscall()
def setsid(task: Task) -> int:
    process = task.process
    if any(other.group == process.pid for other in task.kernel.processes()):
        raise Errno(EPERM)
    process.session = process.group = process.pid
    return process.pid


@syscall()
def set_tid_address(task: Task, address: Pointer) -> int:
    task.clear_child_tid = address
    return task.tid


@syscall()
def set_robust_list(task: Task, head: Pointer, length: ULong) -> int:
    if length != ROBUST_LIST_HEAD[task.abi.word].size:
        raise Errno(EINVAL)
    task.robust_list = (head, length)
    return 0


@syscall()
def get_robust_list(task: Task, pid: Int, head: Pointer, length: Pointer) -> int:
    pointer, size = find_task(task, pid).robust_list
    task.memory.pack(task.abi.pointer, length, size or ROBUST_LIST_HEAD[task.abi.word].size)
    task.memory.pack(task.abi.pointer, head, pointer)
    return 0


@syscall(
    "prctl",
    support="partial",
    missing="only names, dumpable, pdeathsig, subreaper, timer slack, no_new_privs, capabilities "
    "and the reading of the seccomp mode; every other option is EINVAL",
)
def prctl(task: Task, option: Int, first: ULong, second: ULong, third: ULong, fourth: ULong) -> int:
    handler = _PRCTL.get(option) or _about_capabilities(option)
    if handler is None:
        raise Errno(EINVAL)
    return handler(task, first, (second, third, fourth))


def _about_capabilities(option: int) -> Callable[[Task, int, tuple[int, ...]], int] | None:
    from kernel_stub.syscalls.capabilities import OPTIONS  # few programs ask

    return OPTIONS.get(option)


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


def _set_subreaper(task: Task, value: int, _: tuple[int, ...]) -> int:
    task.process.is_subreaper = bool(value)
    return 0


def _get_subreaper(task: Task, address: int, _: tuple[int, ...]) -> int:
    task.memory.pack(INT, address, int(task.process.is_subreaper))
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
    PR_SET_CHILD_SUBREAPER: _set_subreaper,
    PR_GET_CHILD_SUBREAPER: _get_subreaper,
    PR_SET_DUMPABLE: _set_dumpable,
    PR_GET_DUMPABLE: lambda task, *_: task.dumpable,
    PR_GET_SECCOMP: lambda task, *_: 0,
    PR_SET_TIMERSLACK: _set_timer_slack,
    PR_GET_TIMERSLACK: lambda task, *_: task.timer_slack_ns,
    PR_SET_NO_NEW_PRIVS: _set_no_new_privileges,
    PR_GET_NO_NEW_PRIVS: _get_no_new_privileges,
    PR_GET_TID_ADDRESS: _get_tid_address,
}
