"""The user's terminal, lent to the program: what the program changed is put back.

When Ctrl-Z stopped the program, ringscope stops too, and both go on together. It does not know what
settings mean. termios(3); tty_ioctl(4).
"""

from __future__ import annotations

import os
import signal
import termios
from typing import Any

from emu.cli.host_signals import HostSignals
from kernel_stub.kernel import Kernel
from kernel_stub.vfs.console import Console


class LentTerminal:
    """A context in which the program of `kernel` has the user's terminal, if there is one."""

    def __init__(self, kernel: Kernel, signals: HostSignals) -> None:
        self._kernel = kernel
        self._signals = signals
        self._terminal = kernel.vfs.terminal
        self._descriptor = _descriptor(kernel)
        self._own: list[Any] = []

    def __enter__(self) -> LentTerminal:
        if self._descriptor is not None:
            self._own = termios.tcgetattr(self._descriptor)
            self._terminal.is_lent = True
        self._kernel.suspend = self.suspend
        return self

    def __exit__(self, *_: object) -> None:
        self._terminal.is_lent = False
        self._give_back()

    def _give_back(self) -> None:
        if self._descriptor is not None and self._terminal.is_changed:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._own)

    def suspend(self) -> bool:
        """Stops this process, as its job is stopped, until the user continues both.

        Returns False: there is no terminal on which the user could, nor did the user stop it.
        """
        if not self._signals.was_told_to_stop and self._descriptor is None:
            return False
        self._signals.was_told_to_stop = False
        theirs = termios.tcgetattr(self._descriptor) if self._descriptor is not None else None
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        if self._descriptor is not None and theirs is not None and self._terminal.is_changed:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, theirs)
        self._kernel.user_sent(signal.SIGCONT)
        return True


def _descriptor(kernel: Kernel) -> int | None:
    """The host's descriptor of the program's terminal."""
    for file in kernel.vfs.console.values():
        if isinstance(file.inode, Console) and file.inode.terminal is kernel.vfs.terminal:
            return file.inode.descriptor
    return None
