"""What a tracer learns of a stop, and of signals: siginfo, masks, messages, system calls.

ptrace(2), "PTRACE_GETSIGINFO", "PTRACE_PEEKSIGINFO", "PTRACE_GET_SYSCALL_INFO".
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.process_structures import SIGSET
from kernel_stub.abi.sigframes import SIGINFO_SIZE
from kernel_stub.abi.signals import SIGTRAP
from kernel_stub.abi.tracing import (
    ARCHITECTURE,
    ARGUMENTS,
    ENTRY_MESSAGE,
    EXIT_MESSAGE,
    INFO_CALL,
    INFO_ENTRY,
    INFO_EXIT,
    INFO_HEAD,
    INFO_NONE,
    INFO_RESULT,
    KNOWN_OPTIONS,
    PEEK_SHARED,
    PEEKSIGINFO_ARGS,
    SYSCALL_STOP,
)
from kernel_stub.arrivals import set_mask
from kernel_stub.errno import EINVAL, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.signalling.siginfo import pack_siginfo, unpack_siginfo
from kernel_stub.tracing.asked import Asked
from kernel_stub.tracing.tracee import Stop, Tracee

_MOST_ERRORS: Final = 4095


def set_options(asked: Asked) -> int:
    """PTRACE_SETOPTIONS."""
    if asked.data & ~KNOWN_OPTIONS:
        raise Errno(EINVAL)
    asked.tracee.options = asked.data
    return 0


def message(asked: Asked) -> int:
    """PTRACE_GETEVENTMSG."""
    asked.tracer.memory.pack(asked.tracer.abi.pointer, asked.data, asked.tracee.message)
    return 0


def _stop_with_info(tracee: Tracee) -> tuple[Stop, SigInfo]:
    """Raises Errno(EINVAL): a group-stop has no siginfo."""
    stop = tracee.stop
    if stop is None or stop.info is None:
        raise Errno(EINVAL)
    return stop, stop.info


def get_info(asked: Asked) -> int:
    """PTRACE_GETSIGINFO."""
    _, info = _stop_with_info(asked.tracee)
    asked.tracer.memory.copy_out(asked.data, pack_siginfo(info, asked.tracer.abi))
    return 0


def set_info(asked: Asked) -> int:
    """PTRACE_SETSIGINFO."""
    content = asked.tracer.memory.copy_in(asked.data, SIGINFO_SIZE)
    stop, _ = _stop_with_info(asked.tracee)
    asked.tracee.stop = stop._replace(info=unpack_siginfo(content, asked.tracer.abi))
    return 0


def peek_info(asked: Asked) -> int:
    """PTRACE_PEEKSIGINFO: how many of the queued signals were told."""
    first, which, count = asked.tracer.memory.unpack(PEEKSIGINFO_ARGS, asked.address)
    if which & ~PEEK_SHARED or count < 0:
        raise Errno(EINVAL)
    task = asked.task
    pending = task.process.pending if which & PEEK_SHARED else task.pending
    found = pending.queued()[first : first + count]
    told = b"".join(pack_siginfo(one, asked.tracer.abi) for one in found)
    asked.tracer.memory.copy_out(asked.data, told)
    return len(found)


def get_mask(asked: Asked) -> int:
    """PTRACE_GETSIGMASK."""
    _require_mask_size(asked)
    task = asked.task
    mask = task.signal_mask if task.saved_mask is None else task.saved_mask
    asked.tracer.memory.pack(SIGSET, asked.data, mask)
    return 0


def set_mask_of(asked: Asked) -> int:
    """PTRACE_SETSIGMASK."""
    _require_mask_size(asked)
    asked.task.saved_mask = None
    set_mask(asked.task, asked.tracer.memory.unpack(SIGSET, asked.data)[0])
    return 0


def _require_mask_size(asked: Asked) -> None:
    if asked.address != SIGSET.size:
        raise Errno(EINVAL)


def call_info(asked: Asked) -> int:
    """PTRACE_GET_SYSCALL_INFO: how much there is to tell; no more is written than fits."""
    content = _describe(asked.tracee)
    asked.tracer.memory.copy_out(asked.data, content[: asked.address])
    return len(content)


def _describe(tracee: Tracee) -> bytes:
    """struct ptrace_syscall_info."""
    task, kernel, stop = tracee.task, tracee.task.kernel, tracee.stop
    at_call = stop is not None and stop.code == SIGTRAP | SYSCALL_STOP
    what, rest = INFO_NONE, b""
    if at_call and tracee.message == ENTRY_MESSAGE:
        names = ("orig_rax", *ARGUMENTS[task.abi])
        what = INFO_ENTRY
        rest = INFO_CALL.pack(*(kernel.saved(task, name) & task.abi.word_mask for name in names))
    elif at_call and tracee.message == EXIT_MESSAGE:
        value = kernel.saved(task, "rax") & task.abi.word_mask
        result = value - (task.abi.word_mask + 1) * (value > task.abi.word_mask >> 1)
        what, rest = INFO_EXIT, INFO_RESULT.pack(result, -_MOST_ERRORS <= result < 0)
    pointers = kernel.saved(task, "rip"), kernel.saved(task, "rsp")
    return INFO_HEAD.pack(what, ARCHITECTURE[task.abi], *pointers) + rest
