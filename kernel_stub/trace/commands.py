"""What fcntl(2) takes and gives, as strace writes it.

fcntl(2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel_stub.abi.structures import FLOCK, FLOCK64
from kernel_stub.trace import names, text
from kernel_stub.trace.kinds import Called, Kind, Later, open_flags

_LOCKS: Final = range(5, 8)  # F_GETLK, F_SETLK, F_SETLKW
_LOCKS_64: Final = (12, 13, 14, 36, 37, 38)  # i386's wide ones, and F_OFD_*
_ASKED: Final = (5, 12, 36)  # F_GETLK and its like: the answer is in the structure
_NO_ARGUMENT: Final = (1, 3, 9, 11, 1025, 1032, 1034)
_DECIMAL: Final = (0, 8, 10, 1030, 1031)
_SEALS: Final = 1033


def _argument_of_fcntl(c: Called, i: int) -> str:
    """What the command takes: flags, a number, a lock, an address, or nothing."""
    command, value = c.values[i - 1], c.values[i]
    if command in _ASKED:
        raise Later
    if command in _LOCKS or command in _LOCKS_64:
        return _lock(c, i)
    if command in _NO_ARGUMENT:
        return ""
    if command == 2:
        return text.bits(value, names.FD)
    if command == 4:
        return open_flags(value)
    if command == _SEALS:
        return text.bits(value, names.SEAL)
    return str(value) if command in _DECIMAL else text.address(value)


def _lock(c: Called, i: int) -> str:
    """struct flock; its l_pid only where the kernel told it."""
    wide = c.task.abi.word == 4 and c.values[i - 1] in _LOCKS_64
    layout = FLOCK64 if wide else FLOCK[c.task.abi.word]
    lock = layout.unpack(c.read(c.values[i], layout.size))
    kind = text.one_of(lock["l_type"], names.LOCK, "F_")
    whence = text.one_of(lock["l_whence"], names.WHENCE, "SEEK_")
    shown = f"l_type={kind}, l_whence={whence}, l_start={lock['l_start']}, l_len={lock['l_len']}"
    return f"{{{shown}, l_pid={lock['l_pid']}}}" if c.values[i - 1] in _ASKED else f"{{{shown}}}"


INPUTS: Final[Mapping[str, Kind]] = {"fcntl_argument": _argument_of_fcntl}
OUTPUTS: Final[Mapping[str, Kind]] = {"fcntl_argument": _lock}
