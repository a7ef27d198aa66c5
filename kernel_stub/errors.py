"""How a run ends where no exit status and no signal of the program can say it, in this kernel.

One sentence each, in the families of emu/errors.py. It raises nothing.
"""

from __future__ import annotations

from emu.errors import CallerError, GuestError, OurError


class Deadlock(GuestError):
    """The program waits for what can never come."""


class SignalHandlerNeeded(CallerError):
    """The program would have to run a signal handler, which this kernel cannot do yet."""


class KernelBug(OurError):
    """Ring 0 trapped where it must not, or handed over what cannot be: a mistake of the kernel."""
