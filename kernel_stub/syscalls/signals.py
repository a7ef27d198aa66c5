"""System calls about signals: dispositions, masks, sending to oneself, waiting.

Handlers are recorded; that one cannot be run yet is said when its signal arrives, by the kernel.
sigaction(2), sigprocmask(2), sigpending(2), sigaltstack(2), kill(2), tkill(2), pause(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import (
    OLD_SIGACTION,
    OLD_SIGSET,
    SIGACTION,
    SIGSET,
    STACK_T,
    TIMESPEC64,
)
from kernel_stub.abi.signals import (
    LAST_SIGNAL,
    SA_NODEFER,
    SA_RESETHAND,
    SI_TKILL,
    SI_USER,
    SIG_BLOCK,
    SIG_SETMASK,
    SIG_UNBLOCK,
    SIGKILL,
    SIGSTOP,
    SMALLEST_SIGNAL_STACK,
    SS_AUTODISARM,
    SS_DISABLE,
    SS_ONSTACK,
    signal_bit,
)
from kernel_stub.errno import EAGAIN, EINVAL, ENOMEM, ESRCH, Errno
from kernel_stub.syscalls.sending import send, set_mask
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.syscalls.time import load_timespec
from kernel_stub.syscalls.waiting import sleep_until, wait_for_signal
from kernel_stub.task import Task

_HANDLERS_MISSING: Final = "a signal that has a handler ends the run with a message"
_WORD_MASK: Final = 0xFFFF_FFFF
# How Task keeps every action, whatever ABI the call had: handler, flags, restorer, mask.
_KEPT: Final = SIGACTION[8]


def _require_size(size: int) -> None:
    if size != SIGSET.size:
        raise Errno(EINVAL)


def _action(task: Task, signal: int) -> tuple[int, ...]:
    kept = task.signal_actions.get(signal)
    return _KEPT.unpack(kept) if kept else (0, 0, 0, 0)


def _set_action(task: Task, signal: int, action: tuple[int, ...]) -> None:
    if signal in (SIGKILL, SIGSTOP):
        raise Errno(EINVAL)
    task.signal_actions[signal] = _KEPT.pack(*action)
    if task.ignores(signal):
        task.signal_pending &= ~signal_bit(signal)


def _require_signal(signal: int) -> None:
    if not 1 <= signal <= LAST_SIGNAL:
        raise Errno(EINVAL)


@syscall(support="partial", missing=_HANDLERS_MISSING)
def rt_sigaction(task: Task, signal: Int, new: Pointer, old: Pointer, size: ULong) -> int:
    _require_size(size)
    layout = SIGACTION[task.abi.word]
    action = task.memory.unpack(layout, new) if new else None
    _require_signal(signal)
    before = _action(task, signal)
    if action is not None:
        _set_action(task, signal, action)
    if old:
        task.memory.pack(layout, old, *before)
    return 0


@syscall(support="partial", missing=_HANDLERS_MISSING)
def sigaction(task: Task, signal: Int, new: Pointer, old: Pointer) -> int:
    action = task.memory.unpack(OLD_SIGACTION, new) if new else None
    _require_signal(signal)
    handler, flags, restorer, mask = _action(task, signal)
    if action is not None:
        _set_action(task, signal, (action[0], action[2], action[3], action[1]))
    if old:
        task.memory.pack(OLD_SIGACTION, old, handler, mask & _WORD_MASK, flags, restorer)
    return 0


@syscall(support="partial", missing=_HANDLERS_MISSING)
def signal(task: Task, number: Int, handler: Pointer) -> int:
    _require_signal(number)
    before = _action(task, number)
    _set_action(task, number, (handler, SA_RESETHAND | SA_NODEFER, 0, 0))
    return before[0]


def _new_mask(task: Task, how: int, signals: int) -> int:
    if how == SIG_BLOCK:
        return task.signal_mask | signals
    if how == SIG_UNBLOCK:
        return task.signal_mask & ~signals
    if how == SIG_SETMASK:
        return signals
    raise Errno(EINVAL)


@syscall()
def rt_sigprocmask(task: Task, how: Int, new: Pointer, old: Pointer, size: ULong) -> int:
    _require_size(size)
    before = task.signal_mask
    mask = None
    if new:
        mask = _new_mask(task, how, task.memory.unpack(SIGSET, new)[0])
    if old:
        task.memory.pack(SIGSET, old, before)
    if mask is not None:
        set_mask(task, mask)
    return 0


@syscall()
def sigprocmask(task: Task, how: Int, new: Pointer, old: Pointer) -> int:
    before = task.signal_mask
    mask = None
    if new:
        signals = task.memory.unpack(OLD_SIGSET, new)[0]
        high = before & ~_WORD_MASK if how == SIG_SETMASK else 0
        mask = _new_mask(task, how, signals | high)
    if old:
        task.memory.pack(OLD_SIGSET, old, before & _WORD_MASK)
    if mask is not None:
        set_mask(task, mask)
    return 0


@syscall()
def rt_sigpending(task: Task, pointer: Pointer, size: ULong) -> int:
    if size > SIGSET.size:
        raise Errno(EINVAL)
    task.memory.copy_out(pointer, SIGSET.pack(task.signal_pending)[:size])
    return 0


@syscall()
def sigpending(task: Task, pointer: Pointer) -> int:
    task.memory.pack(OLD_SIGSET, pointer, task.signal_pending & _WORD_MASK)
    return 0


@syscall(support="partial", missing="recorded only: no handler runs on it yet")
def sigaltstack(task: Task, new: Pointer, old: Pointer) -> int:
    layout = STACK_T[task.abi.word]
    wanted = task.memory.unpack(layout, new) if new else None
    before = task.signal_stack
    if wanted is not None:
        task.signal_stack = _checked_stack(*wanted)
    if old:
        task.memory.pack(layout, old, *before)
    return 0


def _checked_stack(start: int, flags: int, size: int) -> tuple[int, int, int]:
    mode = flags & _WORD_MASK & ~SS_AUTODISARM
    if mode not in (0, SS_ONSTACK, SS_DISABLE):
        raise Errno(EINVAL)
    if mode == SS_DISABLE:
        return 0, flags, 0
    if size < SMALLEST_SIGNAL_STACK:
        raise Errno(ENOMEM)
    return start, flags & ~SS_ONSTACK, size


def _send_checked(task: Task, signal: int, code: int) -> int:
    if not 0 <= signal <= LAST_SIGNAL:
        raise Errno(EINVAL)
    if signal:
        send(task, signal, code)
    return 0


@syscall(support="partial", missing=_HANDLERS_MISSING)
def kill(task: Task, pid: Int, signal: Int) -> int:
    if not 0 <= signal <= LAST_SIGNAL:
        raise Errno(EINVAL)
    if pid not in (0, task.pid) and (pid == -1 or pid != -task.process_group):
        raise Errno(ESRCH)
    return _send_checked(task, signal, SI_USER)


@syscall(support="partial", missing=_HANDLERS_MISSING)
def tkill(task: Task, thread: Int, signal: Int) -> int:
    if thread <= 0:
        raise Errno(EINVAL)
    return _send_to_thread(task, thread, signal)


@syscall(support="partial", missing=_HANDLERS_MISSING)
def tgkill(task: Task, group: Int, thread: Int, signal: Int) -> int:
    if thread <= 0 or group <= 0:
        raise Errno(EINVAL)
    if group != task.pid:
        raise Errno(ESRCH)
    return _send_to_thread(task, thread, signal)


def _send_to_thread(task: Task, thread: int, signal: int) -> int:
    if not 0 <= signal <= LAST_SIGNAL:
        raise Errno(EINVAL)
    if thread != task.pid:
        raise Errno(ESRCH)
    return _send_checked(task, signal, SI_TKILL)


@syscall(support="partial", missing=_HANDLERS_MISSING)
def pause(task: Task) -> int:
    wait_for_signal(task, "a signal (pause)")
    raise AssertionError("only a handler ends a pause")


@syscall(support="partial", missing=_HANDLERS_MISSING)
def rt_sigsuspend(task: Task, pointer: Pointer, size: ULong) -> int:
    _require_size(size)
    return _suspend(task, task.memory.unpack(SIGSET, pointer)[0])


@syscall(support="partial", missing=_HANDLERS_MISSING)
def sigsuspend(task: Task, first: Int, second: Int, mask: UInt) -> int:  # noqa: ARG001 - the mask is the third argument
    return _suspend(task, mask)


def _suspend(task: Task, mask: int) -> int:
    set_mask(task, mask)
    wait_for_signal(task, "a signal (sigsuspend)")
    raise AssertionError("only a handler ends sigsuspend")


@syscall(support="partial", missing="siginfo is not filled in but for si_signo")
def rt_sigtimedwait(
    task: Task, wanted: Pointer, result: Pointer, timeout: Pointer, size: ULong
) -> int:
    return _wait_pending(task, wanted, result, timeout, size, task.abi.timespec)


@syscall(support="partial", missing="siginfo is not filled in but for si_signo")
def rt_sigtimedwait_time64(
    task: Task, wanted: Pointer, result: Pointer, timeout: Pointer, size: ULong
) -> int:
    return _wait_pending(task, wanted, result, timeout, size, TIMESPEC64)


def _wait_pending(
    task: Task, wanted: int, result: int, timeout: int, size: int, layout: Struct
) -> int:
    _require_size(size)
    signals = task.memory.unpack(SIGSET, wanted)[0]
    duration = load_timespec(task, layout, timeout) if timeout else None
    found = task.signal_pending & signals
    if not found:
        if duration is None:
            wait_for_signal(task, "a signal (sigwait)")
        else:
            sleep_until(task, task.kernel.uptime_ns() + duration)
        raise Errno(EAGAIN)
    number: int = (found & -found).bit_length()
    task.signal_pending &= ~signal_bit(number)
    if result:
        task.memory.copy_out(result, number.to_bytes(4, "little") + bytes(124))
    return number
