"""System calls about signals: dispositions, masks, waiting, and the way back.

What a signal does when it arrives is arrivals.py's.
sigaction(2), sigprocmask(2), sigpending(2), sigaltstack(2), pause(2), sigwaitinfo(2), sigreturn(2).
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
    SIG_BLOCK,
    SIG_SETMASK,
    SIG_UNBLOCK,
    SIGKILL,
    SIGSTOP,
    signal_bit,
)
from kernel_stub.arrivals import set_mask
from kernel_stub.errno import (
    EAGAIN,
    EINTR,
    EINVAL,
    ERESTARTNOHAND,
    Errno,
)
from kernel_stub.signalling.siginfo import pack_siginfo
from kernel_stub.signalling.stacks import change_stack, stack_mode
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.syscalls.time import load_timespec
from kernel_stub.task import Task
from kernel_stub.waits import never

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
        for pending in (task.process.pending, *(one.pending for one in task.process.threads)):
            pending.discard(signal_bit(signal))


def _require_signal(signal: int) -> None:
    if not 1 <= signal <= LAST_SIGNAL:
        raise Errno(EINVAL)


@syscall()
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


@syscall()
def sigaction(task: Task, signal: Int, new: Pointer, old: Pointer) -> int:
    action = task.memory.unpack(OLD_SIGACTION, new) if new else None
    _require_signal(signal)
    handler, flags, restorer, mask = _action(task, signal)
    if action is not None:
        _set_action(task, signal, (action[0], action[2], action[3], action[1]))
    if old:
        task.memory.pack(OLD_SIGACTION, old, handler, mask & _WORD_MASK, flags, restorer)
    return 0


@syscall()
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


def _change_mask(task: Task, mask: int) -> None:
    set_mask(task, mask)
    task.kernel.signals_may_arrive()


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
        _change_mask(task, mask)
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
        _change_mask(task, mask)
    return 0


@syscall()
def rt_sigpending(task: Task, pointer: Pointer, size: ULong) -> int:
    if size > SIGSET.size:
        raise Errno(EINVAL)
    task.memory.copy_out(pointer, SIGSET.pack(task.signal_pending & task.signal_mask)[:size])
    return 0


@syscall()
def sigpending(task: Task, pointer: Pointer) -> int:
    task.memory.pack(OLD_SIGSET, pointer, task.signal_pending & task.signal_mask & _WORD_MASK)
    return 0


@syscall()
def sigaltstack(task: Task, new: Pointer, old: Pointer) -> int:
    layout = STACK_T[task.abi.word]
    wanted = task.memory.unpack(layout, new) if new else None
    pointer = task.kernel.stack_pointer(task)
    start, _, size = task.signal_stack
    before = (start, stack_mode(task, pointer), size)
    if wanted is not None:
        change_stack(task, (wanted[0], wanted[1], wanted[2]), pointer)
    if old:
        task.memory.pack(layout, old, *before)
    return 0


@syscall()
def pause(task: Task) -> int:
    task.kernel.block(task, "a signal (pause)", never, interrupted=ERESTARTNOHAND)
    raise AssertionError("only a signal ends a pause")


@syscall()
def rt_sigreturn(task: Task) -> int:
    return task.kernel.sigreturn(task, real_time=True)


@syscall()
def sigreturn(task: Task) -> int:
    return task.kernel.sigreturn(task, real_time=False)


@syscall()
def rt_sigsuspend(task: Task, pointer: Pointer, size: ULong) -> int:
    _require_size(size)
    return _suspend(task, task.memory.unpack(SIGSET, pointer)[0])


@syscall()
def sigsuspend(task: Task, first: Int, second: Int, mask: UInt) -> int:  # noqa: ARG001 - the mask is the third argument
    return _suspend(task, mask)


def use_mask(task: Task, mask: int) -> None:
    """Blocks the signals of `mask` for the length of this call. sigsuspend(2), ppoll(2)."""
    if task.saved_mask is None:
        task.saved_mask = task.signal_mask
    set_mask(task, mask)
    task.kernel.signals_may_arrive()


def _suspend(task: Task, mask: int) -> int:
    use_mask(task, mask)
    task.kernel.block(task, "a signal (sigsuspend)", never, interrupted=ERESTARTNOHAND)
    raise AssertionError("only a signal ends sigsuspend")


@syscall()
def rt_sigtimedwait(
    task: Task, wanted: Pointer, result: Pointer, timeout: Pointer, size: ULong
) -> int:
    return _wait_pending(task, wanted, result, timeout, size, task.abi.timespec)


@syscall()
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
    sent = task.take_signal(signals)
    if sent is None:
        is_there = _Arrival(task, signals).is_there
        task.kernel.block(task, "a signal (sigwait)", is_there, duration, interrupted=EINTR)
        raise Errno(EAGAIN)
    if result:
        task.memory.copy_out(result, pack_siginfo(sent, task.abi))
    return sent.signal


class _Arrival:
    """What sigwait waits for."""

    def __init__(self, task: Task, signals: int) -> None:
        self.task = task
        self.signals = signals

    def is_there(self) -> bool:
        return bool(self.task.signal_pending & self.signals)
