"""Signals that arrive at the task that runs, on its way to ring 3: handlers start, calls restart.

What a signal does is arrivals.py's, how a frame looks, signalling's; here both meet the registers
of ring 3, and a tracer, if there is one, is asked first. signal(7), "Interruption of system calls
and library functions by signal handlers".
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.abi.signals import SA_RESTART
from kernel_stub.arrivals import arrive
from kernel_stub.entry import constants as entry
from kernel_stub.errno import EINTR, ERESTARTSYS
from kernel_stub.pending import SigInfo
from kernel_stub.services import KernelServices
from kernel_stub.signalling.frames import NO_TRAMPOLINES, Action, Trampolines, push
from kernel_stub.task import Task

_MASK64: Final = (1 << 64) - 1
_INT80_LENGTH: Final = 2  # and SYSCALL's
_ORIG_AT: Final = entry.PT_OFFSET["orig_rax"]
_RIP_AT: Final = entry.PT_OFFSET["rip"]


class Deliveries(KernelServices):
    """The services of a kernel, and how signals arrive."""

    def _put(self, at: int, register: str, value: int) -> None:
        self.physical.words[at + entry.PT_OFFSET[register] >> 3] = value & _MASK64

    def _arrive(self, task: Task) -> bool:
        """One pending signal arrives; returns whether there may be more. Raises TaskEnded."""
        tracing = task.tracing
        if tracing is not None and tracing.goes_on():
            return True
        if not task.restart:
            task.give_mask_back()  # a call that nothing interrupted ends under its own mask
        sent = task.take_signal(~task.signal_mask)
        if sent is not None:
            if tracing is None:
                self.deliver(task, sent)
            else:
                tracing.sees(sent)
            return True
        if task.give_mask_back():
            return True
        self._restart_call(task, None)
        return False

    def deliver(self, task: Task, sent: SigInfo) -> bool:
        if self.observer is not None:
            self.observer.arrives(task, sent)
        if self.screen is not None and not self.screen(task, sent):
            return False
        return arrive(task, sent, self._push)

    def _push(self, task: Task, action: Action, sent: SigInfo, mask: int) -> None:
        """Starts a handler; a call that the signal interrupted fails, or is made again after it."""
        self._restart_call(task, action)
        user = self.user_state(task)
        push(task, user, action, sent, mask, self._trampolines(task))
        self.set_user_state(task, user)

    def _trampolines(self, task: Task) -> Trampolines:
        if task.program_abi is X86_64:
            return NO_TRAMPOLINES
        names = ("__kernel_sigreturn", "__kernel_rt_sigreturn")
        return Trampolines(*(self.vdso.symbol_32(task.space, name) for name in names))

    def _restart_call(self, task: Task, action: Action | None) -> None:
        """An interrupted call begins anew, or is EINTR. `action`: of the handler that runs."""
        code, task.restart = task.restart, 0
        if code in (0, EINTR):
            return
        at, words = task.cpu.frame_at, self.physical.words
        if action is None or (code == ERESTARTSYS and action.flags & SA_RESTART):
            self._put(at, "rax", words[at + _ORIG_AT >> 3])
            self._put(at, "rip", words[at + _RIP_AT >> 3] - _INT80_LENGTH)
            if task.abi is I386:
                self.return_whole(task)  # the call's arguments are those that it had
        else:
            task.deadline = None
            self._put(at, "rax", -EINTR)
