"""System calls that wait for children: wait4, waitpid, waitid.

wait(2), wait4(2), wait_status(2) macros: WIFEXITED and its like.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from kernel_stub.abi.process_structures import INT, RUSAGE
from kernel_stub.abi.signals import (
    CLD_CONTINUED,
    CLD_EXITED,
    CLD_KILLED,
    CLD_STOPPED,
    CLD_TRAPPED,
    SIGCHLD,
)
from kernel_stub.arrivals import is_traced_by_parent
from kernel_stub.errno import EAGAIN, ECHILD, EINVAL, ESRCH, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.signalling.siginfo import pack_siginfo
from kernel_stub.syscalls.pidfds import pidfd_of
from kernel_stub.syscalls.table import Int, Pointer, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.modes import O_NONBLOCK

WNOHANG, WSTOPPED, WEXITED, WCONTINUED = 1, 2, 4, 8
WNOWAIT: Final = 0x0100_0000
_KINDS_OF_CHILDREN: Final = 0x2000_0000 | 0x4000_0000 | 0x8000_0000  # __WNOTHREAD, __WALL, __WCLONE
_WAIT_OPTIONS: Final = WNOHANG | WSTOPPED | WCONTINUED | _KINDS_OF_CHILDREN
_WAITID_OPTIONS: Final = _WAIT_OPTIONS | WEXITED | WNOWAIT
_STATES: Final = WSTOPPED | WEXITED | WCONTINUED
P_ALL, P_PID, P_PGID, P_PIDFD = range(4)
_CONTINUED_STATUS: Final = 0xFFFF
_STOPPED_STATUS: Final = 0x7F


class _Found(NamedTuple):
    """A child that has something to tell: a CLD_ code, and the exit status or the signal.

    `tracee`: it is told of one, not of `child`, its process.
    """

    child: Process
    code: int
    status: int
    tracee: Any = None

    @property
    def pid(self) -> int:
        tid: int = self.child.pid if self.tracee is None else self.tracee.tid
        return tid

    @property
    def word(self) -> int:
        """As wait(2) packs it."""
        if self.code in (CLD_STOPPED, CLD_TRAPPED):
            return self.status << 8 | _STOPPED_STATUS
        if self.code == CLD_CONTINUED:
            return _CONTINUED_STATUS
        return self.status if self.code == CLD_KILLED else self.status << 8


class _Search:
    """Which children a call waits for, and for what of them."""

    def __init__(self, task: Task, kind: int, number: int, states: int) -> None:
        self.process = task.process
        self.kind = kind
        self.number = number
        self.states = states

    def children(self) -> list[Process]:
        """Those that may have something to tell, now or later."""
        return [child for child in self.process.children if self._fits(child)]

    def _fits(self, child: Process) -> bool:
        if not child.is_alive and not self.states & WEXITED:
            return False
        if self.kind == P_ALL:
            return True
        return self.number == (child.pid if self.kind == P_PID else child.group)

    def _tracees(self) -> list[Any]:
        """Those of its tracees, which are not always its children."""
        if not any(task.tracees for task in self.process.threads):
            return []
        from kernel_stub.tracing.waiting import tracees

        return [one for one in tracees(self.process) if self._fits_tracee(one)]

    def _fits_tracee(self, tracee: Any) -> bool:
        if tracee.status is not None and not self.states & WEXITED:
            return False
        if self.kind == P_ALL:
            return True
        number = tracee.tid if self.kind == P_PID else tracee.task.process.group
        return bool(self.number == number)

    def _find_tracee(self) -> _Found | None:
        for tracee in self._tracees():
            from kernel_stub.tracing.waiting import news

            told = news(tracee)
            if told is not None:
                return _Found(tracee.task.process, *told, tracee)
        return None

    def is_in_vain(self) -> bool:
        """Whether there is nobody to wait for."""
        return not self.children() and not self._tracees()

    def find(self) -> _Found | None:
        for child in self.children():
            if child.status is not None and self.states & WEXITED and not child.is_hidden:
                if child.status & _STOPPED_STATUS:
                    return _Found(child, CLD_KILLED, child.status & _STOPPED_STATUS)
                return _Found(child, CLD_EXITED, child.status >> 8)
            if child.untold is not None and child.is_alive:
                code, signal = child.untold
                if code == CLD_STOPPED and is_traced_by_parent(child):
                    continue  # it is told of as a tracee
                if self.states & (WSTOPPED if code == CLD_STOPPED else WCONTINUED):
                    return _Found(child, code, signal)
        return self._find_tracee()

    def is_over(self) -> bool:
        """Whether the call can be made again: a child tells, or there is none any more."""
        return self.find() is not None or self.is_in_vain()


def _wait(task: Task, search: _Search, options: int) -> _Found | None:
    """Waits for a child. None: with WNOHANG, none has anything to tell. Raises Errno(ECHILD)."""
    while (found := search.find()) is None:
        if search.is_in_vain():
            raise Errno(ECHILD)
        if options & WNOHANG:
            return None
        task.kernel.block(task, "a child to end (wait)", search.is_over)
    if not options & WNOWAIT and found.tracee is None:
        found.child.untold = None
    return found


def _end(task: Task, found: _Found, options: int) -> None:
    if options & WNOWAIT:
        return
    if found.tracee is not None:
        from kernel_stub.tracing.waiting import tell

        tell(found.tracee)
    elif found.child.status is not None:
        task.kernel.reap(found.child)


def _pack_usage(task: Task, pointer: int, child: Process) -> None:
    seconds, rest = divmod(child.cpu_ns + child.children_ns, 10**9)
    fields = [seconds, rest // 1000, 0, 0, *([0] * 14)]
    task.memory.pack(RUSAGE[task.abi.word], pointer, *fields)


@syscall()
def wait4(task: Task, pid: Int, status: Pointer, options: Int, usage: Pointer) -> int:
    if options & 0xFFFF_FFFF & ~_WAIT_OPTIONS:
        raise Errno(EINVAL)
    if pid == -(1 << 31):
        raise Errno(ESRCH)
    kind, number = _meant(task, pid)
    states = WEXITED | options & (WSTOPPED | WCONTINUED)
    found = _wait(task, _Search(task, kind, number, states), options)
    if found is None:
        return 0
    if status:
        task.memory.pack(INT, status, found.word)
    if usage:
        _pack_usage(task, usage, found.child)
    _end(task, found, options)
    return found.pid


def _meant(task: Task, pid: int) -> tuple[int, int]:
    """The children that wait4's pid means."""
    if pid == -1:
        return P_ALL, 0
    if pid > 0:
        return P_PID, pid
    return P_PGID, -pid if pid else task.process_group


@syscall()
def waitpid(task: Task, pid: Int, status: Pointer, options: Int) -> int:
    return wait4(task, pid, status, options, 0)


@syscall()
def waitid(task: Task, kind: Int, pid: Int, result: Pointer, asked: Int, usage: Pointer) -> int:
    states, options = asked & _STATES, asked
    if options & 0xFFFF_FFFF & ~_WAITID_OPTIONS or not states:
        raise Errno(EINVAL)
    kind, number, may_block = _who(task, kind, pid)
    options |= 0 if may_block else WNOHANG
    try:
        found = _wait(task, _Search(task, kind, number, states), options)
    except Errno:
        if result:
            task.memory.copy_out(result, _siginfo(task, None))
        raise
    if found is None and not may_block and not asked & WNOHANG:
        raise Errno(EAGAIN)
    if result:
        task.memory.copy_out(result, _siginfo(task, found))
    if found is None:
        return 0
    if usage:
        _pack_usage(task, usage, found.child)
    _end(task, found, options)
    return 0


def _who(task: Task, kind: int, number: int) -> tuple[int, int, bool]:
    """The children that waitid's first two arguments mean, and whether it may block."""
    if kind == P_PIDFD and number >= 0:
        file = pidfd_of(task, number)
        return P_PID, file.process.pid, not file.flags & O_NONBLOCK
    if kind not in (P_ALL, P_PID, P_PGID) or (kind == P_PID and number <= 0):
        raise Errno(EINVAL)
    return kind, task.process_group if kind == P_PGID and not number else number, True


def _siginfo(task: Task, found: _Found | None) -> bytes:
    if found is None:
        return pack_siginfo(SigInfo(0), task.abi)
    sent = SigInfo(SIGCHLD, found.code, found.pid, task.uid, found.status)
    return pack_siginfo(sent, task.abi)
