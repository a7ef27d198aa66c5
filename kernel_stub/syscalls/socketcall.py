"""i386's one call for all calls about sockets.

socketcall(2); linux/net.h: SYS_*.
"""

from __future__ import annotations

from typing import Final

from kernel_stub.errno import EINVAL, Errno
from kernel_stub.syscalls import find
from kernel_stub.syscalls.table import Int, Pointer, bind, syscall
from kernel_stub.task import Task

# By number: the call, and how many arguments it has.
CALLS: Final = {
    1: ("socket", 3),
    2: ("bind", 3),
    3: ("connect", 3),
    4: ("listen", 2),
    5: ("accept", 3),
    6: ("getsockname", 3),
    7: ("getpeername", 3),
    8: ("socketpair", 4),
    9: ("send", 4),
    10: ("recv", 4),
    11: ("sendto", 6),
    12: ("recvfrom", 6),
    13: ("shutdown", 2),
    14: ("setsockopt", 5),
    15: ("getsockopt", 5),
    16: ("sendmsg", 3),
    17: ("recvmsg", 3),
    18: ("accept4", 4),
    19: ("recvmmsg", 5),
    20: ("sendmmsg", 4),
}
WORD: Final = 4


@syscall()
def socketcall(task: Task, call: Int, arguments: Pointer) -> int:
    if call not in CALLS:
        raise Errno(EINVAL)
    name, count = CALLS[call]
    values: tuple[int, ...] = task.memory.unpack(task.abi.words(count), arguments)
    found = find(name)
    assert found is not None, "every call of the table has a handler"
    return bind(found, WORD)(task, (*values, *(0,) * (6 - count)))
