"""The vsyscall page: three functions at fixed addresses that programs of old call for the time.

No page is there. A call is a page fault on a fetch, and the kernel does what the function would
have done, as Linux does with `vsyscall=xonly`. It does not know how a fault arrives.
vdso(7); Linux kernel documentation, "The kernel's command-line parameters": vsyscall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emu.x86.paging import PF_FETCH
from kernel_stub.errno import Errno
from kernel_stub.layout import VSYSCALL_PAGE
from kernel_stub.syscalls import bind, find

if TYPE_CHECKING:
    from kernel_stub.task import Task

_CALLS: Final = {0x000: "gettimeofday", 0x400: "time", 0x800: "getcpu"}


def emulate(
    task: Task, address: int, error_code: int, rsp: int, arguments: tuple[int, ...]
) -> dict[str, int]:
    """The registers as the function at `address` leaves them; none if the call is a fault.

    `task` runs 64-bit code, and a page fault with `error_code` came at `address`.
    """
    name = _CALLS.get(address - VSYSCALL_PAGE)
    if name is None or not error_code & PF_FETCH:
        return {}
    try:
        (back,) = task.memory.unpack(task.abi.pointer, rsp)
        call = find(name)
        assert call is not None, "the kernel answers what its page offers"
        result = bind(call, task.abi.word)(task, arguments)
    except Errno:
        return {}
    return {"rax": result, "rip": back, "rsp": rsp + task.abi.word}
