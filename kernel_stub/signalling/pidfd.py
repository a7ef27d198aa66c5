"""Descriptors that stand for a process: readable once it has ended.

What is done through them, the calls know. pidfd_open(2).
"""

from __future__ import annotations

from typing import Any

from kernel_stub.process import Process
from kernel_stub.vfs.inode import AnonymousFile, Attributes, Inode
from kernel_stub.vfs.modes import O_RDWR, POLLIN
from kernel_stub.vfs.pulses import next_moment


class PidFile(AnonymousFile):
    """An open descriptor of `process`, which may have ended and been waited for."""

    def __init__(self, attributes: Attributes, process: Process, flags: int) -> None:
        super().__init__(Inode(attributes), flags | O_RDWR)
        self.process = process
        self._ended_at = 0

    def poll(self, task: Any) -> int:
        return 0 if self.process.is_alive else POLLIN

    def pulse(self, task: Any, events: int) -> int:
        if not self._ended_at and not self.process.is_alive:
            self._ended_at = next_moment()
        return self._ended_at
