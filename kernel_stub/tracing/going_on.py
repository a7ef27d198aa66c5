"""Requests that let a tracee go on, stop it, end it or let it be. ptrace(2), "PTRACE_CONT"."""

from __future__ import annotations

from kernel_stub.abi.signals import LAST_SIGNAL, SI_USER, SIGKILL
from kernel_stub.abi.tracing import Event
from kernel_stub.errno import EIO, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.tracing.asked import Answer, Asked
from kernel_stub.tracing.ends import part
from kernel_stub.tracing.tracee import Mode, Tracee


def going(mode: Mode) -> Answer:
    """PTRACE_CONT and its like."""

    def go(asked: Asked) -> int:
        asked.tracee.resume(mode, _signal(asked))
        return 0

    return go


def _signal(asked: Asked) -> int:
    if asked.data > LAST_SIGNAL:
        raise Errno(EIO)
    return asked.data


def detach(asked: Asked) -> int:
    """PTRACE_DETACH."""
    asked.tracee.resume(Mode(), _signal(asked))
    part(asked.tracee)
    return 0


def kill(asked: Asked) -> int:
    """PTRACE_KILL."""
    sent = SigInfo(SIGKILL, SI_USER, asked.tracer.pid, asked.tracer.uid)
    asked.tracer.kernel.send(asked.task, sent)
    return 0


def interrupt(asked: Asked) -> int:
    """PTRACE_INTERRUPT."""
    _require_seized(asked.tracee)
    asked.tracee.ask()
    return 0


def listen(asked: Asked) -> int:
    """PTRACE_LISTEN."""
    _require_seized(asked.tracee)
    stop = asked.tracee.stop
    if stop is None or stop.code >> 8 != Event.STOP:
        raise Errno(EIO)
    asked.tracee.listen()
    return 0


def _require_seized(tracee: Tracee) -> None:
    if not tracee.seized:
        raise Errno(EIO)
