"""What happened, as frozen records in the past tense. Watchers read them and never steer."""

from __future__ import annotations

from typing import NamedTuple


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


class Refused(NamedTuple):
    """A check failed while the CPU delivered `vector`: which, with which inputs, and what it made.

    `raised` and `error_code` are the exception that took the place of the first.
    """

    vector: int
    check: str
    inputs: str
    raised: int
    error_code: int | None
