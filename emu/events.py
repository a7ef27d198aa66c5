"""What happened, as frozen records in the past tense. Watchers read them and never steer."""

from __future__ import annotations

from typing import NamedTuple

from emu.x86 import error_codes
from emu.x86.checks import Inputs


class Entered(NamedTuple):
    """The CPU entered ring 0 (or, from ring 0, another handler there).

    `mechanism` is a name of emu.x86.crossings; `vector` is None for SYSCALL and SYSENTER.
    `from_long` tells whether the code that was left ran in 64-bit mode.
    """

    mechanism: str
    vector: int | None
    error_code: int | None
    from_cpl: int
    from_long: bool
    from_rip: int
    entry_rip: int

    @property
    def meaning(self) -> str:
        """The error code in words; empty where there is none."""
        return _meaning(self.vector, self.error_code)


class Refused(NamedTuple):
    """A check failed while the CPU delivered `vector`: which, with which inputs, and what it made.

    `raised` and `error_code` are the exception that took the place of the first; `manual` is the
    check's step by title; `from_rip` is where the instruction stands that caused all this.
    """

    vector: int
    check: str
    inputs: Inputs
    raised: int
    error_code: int | None
    manual: str
    from_rip: int

    @property
    def meaning(self) -> str:
        """The error code in words; empty where there is none."""
        return _meaning(self.raised, self.error_code)


class Cause(NamedTuple):
    """Why an instruction of ring 3 did not run: the exception, and the check that failed.

    `address` is that of a page fault; `instruction` is its text, empty where none can be read.
    """

    vector: int
    error_code: int | None
    rip: int
    address: int | None
    instruction: str
    check: str
    inputs: Inputs
    manual: str

    @property
    def meaning(self) -> str:
        """The error code in words; empty where there is none."""
        return _meaning(self.vector, self.error_code)


def _meaning(vector: int | None, code: int | None) -> str:
    if vector is None or code is None:
        return ""
    return error_codes.describe(vector, code)
