"""System calls that send signals: who may, and to whom.

kill(2), tkill(2), rt_sigqueueinfo(2), sigqueue(3).
"""

from __future__ import annotations

from kernel_stub.abi.resources import RLIMIT_SIGPENDING, START
from kernel_stub.abi.sigframes import SIGINFO_SIZE
from kernel_stub.abi.signals import LAST_SIGNAL, SI_TKILL, SI_USER, SIGCONT, SIGRTMIN
from kernel_stub.errno import EAGAIN, EINVAL, EPERM, ESRCH, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.signalling.siginfo import unpack_siginfo
from kernel_stub.syscalls.table import Int, Pointer, syscall
from kernel_stub.task import Task


def sent_by(task: Task, signal: int, code: int) -> SigInfo:
    """What `task` sends. Raises Errno(EINVAL): there is no such signal."""
    if not 0 <= signal <= LAST_SIGNAL:
        raise Errno(EINVAL)
    return SigInfo(signal, code, task.pid, task.uid)


@syscall()
def kill(task: Task, pid: Int, signal: Int) -> int:
    sent = sent_by(task, signal, SI_USER)
    targets = _targets(task, pid)
    if not targets:
        raise Errno(ESRCH)
    allowed = [process for process in targets if may_signal(task, process, signal)]
    if not allowed:
        raise Errno(EPERM)
    if signal:
        for process in allowed:
            task.kernel.send(process, sent)
    return 0


def _targets(task: Task, pid: int) -> list[Process]:
    """The processes that kill's pid means; -1 does not reach the sender itself."""
    everyone = task.kernel.processes()
    if pid > 0:
        return [process for process in everyone if process.pid == pid]
    if pid == -1:
        return [process for process in everyone if process is not task.process]
    group = -pid if pid else task.process_group
    return [process for process in everyone if process.group == group]


def may_signal(task: Task, process: Process, signal: int) -> bool:
    """kill(2), "the real or effective user ID"; SIGCONT goes through a whole session."""
    if not process.threads or not task.uid or process.threads[0].uid == task.uid:
        return True
    return signal == SIGCONT and process.session == task.session


@syscall()
def tkill(task: Task, thread: Int, signal: Int) -> int:
    if thread <= 0:
        raise Errno(EINVAL)
    return _send_to_thread(task, thread, sent_by(task, signal, SI_TKILL))


@syscall()
def tgkill(task: Task, group: Int, thread: Int, signal: Int) -> int:
    if thread <= 0 or group <= 0:
        raise Errno(EINVAL)
    return _send_to_thread(task, thread, sent_by(task, signal, SI_TKILL), group)


def _send_to_thread(task: Task, thread: int, sent: SigInfo, group: int = 0) -> int:
    target = task.kernel.find_task(thread)
    if target is None or group not in (0, target.pid):
        raise Errno(ESRCH)
    if not may_signal(task, target.process, sent.signal):
        raise Errno(EPERM)
    if sent.signal:
        _require_room(task, target, sent)
        task.kernel.send(target, sent)
    return 0


def queued(task: Task, pid: int, signal: int, pointer: int) -> SigInfo:
    """What rt_sigqueueinfo sends: only the kernel may say that it came from itself."""
    sent = unpack_siginfo(task.memory.copy_in(pointer, SIGINFO_SIZE), task.abi)
    if (sent.code >= 0 or sent.code == SI_TKILL) and pid != task.pid:
        raise Errno(EPERM)
    if not 0 <= signal <= LAST_SIGNAL:
        raise Errno(EINVAL)
    return sent._replace(signal=signal)


def _require_room(task: Task, target: Task | Process, sent: SigInfo) -> None:
    """RLIMIT_SIGPENDING bounds what is queued. Raises Errno(EAGAIN)."""
    soft, _ = task.limits.get(RLIMIT_SIGPENDING, START[RLIMIT_SIGPENDING])
    if sent.signal >= SIGRTMIN and len(target.pending) >= soft:
        raise Errno(EAGAIN)


@syscall()
def rt_sigqueueinfo(task: Task, pid: Int, signal: Int, pointer: Pointer) -> int:
    sent = queued(task, pid, signal, pointer)
    process = task.kernel.process(pid)
    if process is None:
        raise Errno(ESRCH)
    if not may_signal(task, process, signal):
        raise Errno(EPERM)
    if signal:
        _require_room(task, process, sent)
        task.kernel.send(process, sent)
    return 0


@syscall()
def rt_tgsigqueueinfo(task: Task, group: Int, thread: Int, signal: Int, pointer: Pointer) -> int:
    if thread <= 0 or group <= 0:
        raise Errno(EINVAL)
    return _send_to_thread(task, thread, queued(task, group, signal, pointer), group)
