"""A signal as a siginfo_t, for handlers and for those who wait. sigaction(2)."""

from __future__ import annotations

from kernel_stub.abi.abi import Abi
from kernel_stub.abi.sigframes import (
    SIGINFO_CHILD,
    SIGINFO_FAULT,
    SIGINFO_HEAD,
    SIGINFO_POLL,
    SIGINFO_SENT,
    SIGINFO_SIZE,
)
from kernel_stub.abi.signals import SIGCHLD, SYNCHRONOUS
from kernel_stub.pending import SigInfo


def pack_siginfo(sent: SigInfo, abi: Abi) -> bytes:
    """`sent` as the program of `abi` sees it."""
    word = abi.word
    head = SIGINFO_HEAD[word].pack(sent.signal, 0, sent.code)
    if sent.signal in SYNCHRONOUS and sent.code > 0:
        rest = SIGINFO_FAULT[word].pack(sent.address & abi.word_mask)
    elif sent.signal == SIGCHLD and sent.code > 0:
        rest = SIGINFO_CHILD[word].pack(sent.pid, sent.uid, sent.status, 0, 0)
    elif sent.band:
        rest = SIGINFO_POLL[word].pack(sent.band, sent.descriptor)
    else:
        rest = SIGINFO_SENT[word].pack(sent.pid, sent.uid, sent.value & abi.word_mask)
    return (head + rest).ljust(SIGINFO_SIZE, b"\0")


def unpack_siginfo(content: bytes, abi: Abi) -> SigInfo:
    """What a program gives to sigqueue(3), or a tracer to its tracee."""
    word = abi.word
    signal, _, code = SIGINFO_HEAD[word].unpack_from(content)
    rest = content[SIGINFO_HEAD[word].size :]
    if signal in SYNCHRONOUS and code > 0:
        (address,) = SIGINFO_FAULT[word].unpack_from(rest)
        return SigInfo(signal, code, address=address)
    if signal == SIGCHLD and code > 0:
        pid, uid, status, _, _ = SIGINFO_CHILD[word].unpack_from(rest)
        return SigInfo(signal, code, pid, uid, status)
    pid, uid, value = SIGINFO_SENT[word].unpack_from(rest)
    return SigInfo(signal, code, pid, uid, value=value)
