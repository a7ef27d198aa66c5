"""Says what each crossing is for, to whoever watches: a kernel in front of the kernel.

It reads of pt_regs what the entry code hands over, tells, and passes on. It answers nothing, and is
there only for verbs that ask for it. kernel_stub/entry/constants.py has the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emu.x86 import vectors
from kernel_stub.entry import constants as entry
from kernel_stub.kernel import Kernel

_NUMBER_AT: Final = entry.PT_OFFSET["orig_rax"]
_LOW: Final = 0xFFFF_FFFF


class NamingKernel:
    """Tells `named` the name of each system call or exception before `kernel` answers it."""

    def __init__(self, kernel: Kernel, named: Callable[[str], None]) -> None:
        self._kernel = kernel
        self._named = named
        kernel.machine.attach(self)

    def handed_over(self, call: int, argument: int) -> None:
        """As emu.hooks.Kernel."""
        self._named(self._name(call, argument))
        self._kernel.handed_over(call, argument)

    def _name(self, call: int, argument: int) -> str:
        if call >= entry.HANDOVER_EXCEPTION:
            return vectors.mnemonic(call - entry.HANDOVER_EXCEPTION)
        kernel = self._kernel
        word = kernel.half.tables.read(argument + _NUMBER_AT, 8)
        number = int.from_bytes(word, "little") & _LOW
        is_long = call == entry.HANDOVER_SYSCALL_64
        return (kernel.calls_64 if is_long else kernel.calls_32).name(number)
