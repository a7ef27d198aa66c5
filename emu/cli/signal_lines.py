"""A signal that arrives, as strace writes it: `--- SIGCHLD {si_signo=SIGCHLD, ...} ---`.

sigaction(2), "The siginfo_t argument"; strace(1).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi import signals
from kernel_stub.abi.signals import SI_KERNEL, SI_TKILL, SI_USER
from kernel_stub.pending import SigInfo
from kernel_stub.trace import text

_CODES: Final = {
    signals.SIGSEGV: {1: "SEGV_MAPERR", 2: "SEGV_ACCERR"},
    signals.SIGBUS: {1: "BUS_ADRALN", 2: "BUS_ADRERR"},
    signals.SIGFPE: {1: "FPE_INTDIV", 14: "FPE_FLTUNK"},
    signals.SIGILL: {2: "ILL_ILLOPN"},
    signals.SIGTRAP: {1: "TRAP_BRKPT", 2: "TRAP_TRACE", 4: "TRAP_HWBKPT"},
    signals.SIGCHLD: {
        signals.CLD_EXITED: "CLD_EXITED",
        signals.CLD_KILLED: "CLD_KILLED",
        signals.CLD_STOPPED: "CLD_STOPPED",
        signals.CLD_CONTINUED: "CLD_CONTINUED",
    },
}
_ANY_CODE: Final = {
    SI_USER: "SI_USER",
    SI_KERNEL: "SI_KERNEL",
    SI_TKILL: "SI_TKILL",
    -1: "SI_QUEUE",
}


def line(sent: SigInfo) -> str:
    """The line of one signal."""
    name = text.signal_name(sent.signal)
    codes = _CODES.get(sent.signal, {}) | _ANY_CODE
    code = codes.get(sent.code, str(sent.code))
    return f"--- {name} {{si_signo={name}, si_code={code}{_rest(sent)}}} ---"


def _rest(sent: SigInfo) -> str:
    if sent.code == SI_KERNEL:
        return ""
    if sent.code <= SI_USER:
        return f", si_pid={sent.pid}, si_uid={sent.uid}"
    if sent.signal == signals.SIGCHLD:
        is_signal = sent.code != signals.CLD_EXITED
        status = text.signal_name(sent.status) if is_signal else str(sent.status)
        child = f", si_pid={sent.pid}, si_uid={sent.uid}, si_status={status}"
        return child + ", si_utime=0, si_stime=0"
    return f", si_addr={text.address(sent.address)}"
