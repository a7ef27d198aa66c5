"""Signals that are read from a descriptor: those of whoever reads, and that are blocked.

signalfd(2): "struct signalfd_siginfo".
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

from kernel_stub.abi.signals import SIGCHLD, SYNCHRONOUS
from kernel_stub.errno import EINVAL, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.vfs.inode import AnonymousFile, Attributes, Inode
from kernel_stub.vfs.modes import O_NONBLOCK, O_RDWR, POLLIN
from kernel_stub.vfs.pipes import wait_or_refuse
from kernel_stub.vfs.pulses import next_moment

# signo, errno, code, pid, uid, fd, tid, band, overrun, trapno, status, int, ptr, utime, stime, addr
_LAYOUT: Final = Struct("<IiiIIiIIIIii4Q48x")
SIZE: Final = _LAYOUT.size


def packed(sent: SigInfo) -> bytes:
    """`sent` as struct signalfd_siginfo."""
    is_fault = sent.signal in SYNCHRONOUS and sent.code > 0
    is_child = sent.signal == SIGCHLD and sent.code > 0
    word = sent.value & (1 << 64) - 1
    number = (word & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000
    return _LAYOUT.pack(
        *(sent.signal, 0, sent.code, sent.pid, sent.uid, 0, 0, 0, 0, 0),
        *(sent.status if is_child else 0, number, word, 0, 0),
        sent.address if is_fault else 0,
    )


class SignalFile(AnonymousFile):
    """An open descriptor of signalfd(2); `mask` are the signals that it takes."""

    def __init__(self, attributes: Attributes, mask: int, flags: int) -> None:
        super().__init__(Inode(attributes), flags | O_RDWR)
        self.mask = mask
        self._seen = self._moment = 0

    def read(self, task: Any, size: int) -> bytes:
        room = size // SIZE
        if not room:
            raise Errno(EINVAL)
        if not task.signal_pending & self.mask:
            if self.flags & O_NONBLOCK:
                wait_or_refuse(self, task, "", bool)
            task.kernel.block(task, "a signal (signalfd)", _Arrival(task, self).is_there)
        taken: list[bytes] = []
        while len(taken) < room and (sent := task.take_signal(self.mask)) is not None:
            taken.append(packed(sent))
        return b"".join(taken)

    def poll(self, task: Any) -> int:
        return POLLIN if task.signal_pending & self.mask else 0

    def pulse(self, task: Any, events: int) -> int:
        pending = task.signal_pending & self.mask
        if pending & ~self._seen:
            self._moment = next_moment()
        self._seen = pending
        return self._moment


class _Arrival:
    """What a reader waits for."""

    def __init__(self, task: Any, file: SignalFile) -> None:
        self.task = task
        self.file = file

    def is_there(self) -> bool:
        return bool(self.file.poll(self.task))
