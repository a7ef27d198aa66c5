"""What the CPU asks of a kernel and of a watcher. Interfaces only.

Without a kernel the first entry into ring 0 stops the machine. The ledger is the one watcher that
every machine has; it is told numbers, so that no event object is built that nobody reads.
"""

from __future__ import annotations

from typing import Protocol

from emu.events import Entered, Refused


class Kernel(Protocol):
    """Whoever answers in Python what the guest's ring-0 code hands over."""

    def handed_over(self, call: int, argument: int) -> None:
        """Ring-0 code executed `vmcall` with `call` in RAX and `argument` in RDI."""


class Watcher(Protocol):
    """Whoever wants to see crossings. It must not change the machine."""

    def entered(self, event: Entered) -> None:
        """A crossing was delivered; its first instruction runs next."""

    def refused(self, event: Refused) -> None:
        """A check of a delivery failed."""
