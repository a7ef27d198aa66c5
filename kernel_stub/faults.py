"""Which signal an exception becomes, as Linux decides it.

A table and one look-up; who sends the signal is kernel.py. It knows neither memory nor tasks.
Linux: arch/x86/kernel/traps.c by name of the handlers; signal(7); sigaction(2) for si_code.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.x86 import vectors
from emu.x86.debug import STATUS_HITS, STATUS_STEP
from kernel_stub.abi.signals import (
    BUS_ADRALN,
    FPE_FLTDIV,
    FPE_FLTINV,
    FPE_FLTOVF,
    FPE_FLTRES,
    FPE_FLTUND,
    FPE_FLTUNK,
    FPE_INTDIV,
    ILL_ILLOPN,
    SI_KERNEL,
    SIGBUS,
    SIGFPE,
    SIGILL,
    SIGSEGV,
    SIGTRAP,
    TRAP_BRKPT,
    TRAP_HWBKPT,
    TRAP_TRACE,
)


class Outcome(NamedTuple):
    """The signal of an exception in user code, and its si_code.

    `has_address`: si_addr is that of the instruction, else 0.
    """

    signal: int
    code: int
    has_address: bool = False


class Raised(NamedTuple):
    """A signal that an instruction caused: si_signo, si_code and si_addr."""

    signal: int
    code: int
    address: int


OUTCOMES: Final = {
    vectors.DE: Outcome(SIGFPE, FPE_INTDIV, True),
    vectors.DB: Outcome(SIGTRAP, TRAP_TRACE, True),
    vectors.BP: Outcome(SIGTRAP, SI_KERNEL),
    vectors.OF: Outcome(SIGSEGV, SI_KERNEL),
    vectors.BR: Outcome(SIGSEGV, SI_KERNEL),
    vectors.UD: Outcome(SIGILL, ILL_ILLOPN, True),
    vectors.NM: Outcome(SIGSEGV, SI_KERNEL),
    vectors.TS: Outcome(SIGSEGV, SI_KERNEL),
    vectors.NP: Outcome(SIGBUS, SI_KERNEL),
    vectors.SS: Outcome(SIGBUS, SI_KERNEL),
    vectors.GP: Outcome(SIGSEGV, SI_KERNEL),
    vectors.MF: Outcome(SIGFPE, FPE_FLTUNK, True),
    vectors.AC: Outcome(SIGBUS, BUS_ADRALN),
    vectors.XM: Outcome(SIGFPE, FPE_FLTUNK, True),
}

_MASKS_SHIFT: Final = 7
_EXCEPTIONS: Final = (  # flags of MXCSR, in the order in which Linux asks for them
    (0x01, FPE_FLTINV),
    (0x04, FPE_FLTDIV),
    (0x08, FPE_FLTOVF),
    (0x10 | 0x02, FPE_FLTUND),  # denormal operands too
    (0x20, FPE_FLTRES),
)


def outcome_of(vector: int, mxcsr: int, dr6: int) -> Outcome:
    """The outcome; of #XM with the first exception that MXCSR has flagged and does not mask.

    Of #DB by what DR6 says of it: nothing, where it was INT1.
    """
    outcome = OUTCOMES[vector]
    if vector == vectors.XM:
        unmasked = mxcsr & ~(mxcsr >> _MASKS_SHIFT)
        for flags, code in _EXCEPTIONS:
            if unmasked & flags:
                return outcome._replace(code=code)
    if vector == vectors.DB and not dr6 & STATUS_STEP:
        return outcome._replace(code=TRAP_HWBKPT if dr6 & STATUS_HITS else TRAP_BRKPT)
    return outcome
