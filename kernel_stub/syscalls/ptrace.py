"""ptrace(2): one row for each request to a tracee, with what it needs.

What the requests do is the room tracing's; those about thread-local storage are answered here,
where its calls are. ptrace(2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from kernel_stub.abi.process_structures import U64, USER_DESC
from kernel_stub.abi.tracing import Request
from kernel_stub.errno import EINVAL, EIO, EPERM, ESRCH, Errno
from kernel_stub.layout import USER_64
from kernel_stub.syscalls.table import Long, ULong, syscall
from kernel_stub.syscalls.tls import (
    ARCH_GET_FS,
    ARCH_GET_GS,
    ARCH_SET_FS,
    ARCH_SET_GS,
    store_thread_area,
    tls_slot,
)
from kernel_stub.syscalls.user_desc import user_desc
from kernel_stub.task import Task
from kernel_stub.tracing import contents, going_on, registers, telling
from kernel_stub.tracing.asked import Answer, Asked
from kernel_stub.tracing.attaching import attach, seize, trace_me
from kernel_stub.tracing.tracee import Mode, Tracee

_BASES: Final = {
    ARCH_SET_FS: ("fs", "fs_base", True),
    ARCH_SET_GS: ("gs", "gs_base", True),
    ARCH_GET_FS: ("fs", "fs_base", False),
    ARCH_GET_GS: ("gs", "gs_base", False),
}


class Row(NamedTuple):
    """How a request is answered.

    `runs`: also while the tracee is not stopped; `word`: only the ABI of so many bytes has it.
    """

    answer: Answer
    runs: bool = False
    word: int = 0


@syscall(support="partial", missing="PTRACE_SINGLEBLOCK, seccomp's and rseq's requests are EIO")
def ptrace(task: Task, request: Long, pid: Long, address: ULong, data: ULong) -> int:
    if request == Request.TRACEME:
        trace_me(task)
    elif request == Request.ATTACH:
        attach(task, pid)
    elif request == Request.SEIZE:
        seize(task, pid, address, data)
    else:
        return _ask(Asked(task, _tracee(task, pid), address, data), request)
    return 0


def _ask(asked: Asked, request: int) -> int:
    row, tracee = ROWS.get(request), asked.tracee
    is_stopped = tracee.stop is not None and not tracee.listens
    if not is_stopped and not (row is not None and row.runs):
        raise Errno(ESRCH)
    if row is None or row.word not in (0, asked.tracer.abi.word):
        raise Errno(EIO)
    return row.answer(asked)


def _tracee(tracer: Task, tid: int) -> Tracee:
    for tracee in tracer.tracees:
        if tracee.tid == tid and tracee.status is None:
            found: Tracee = tracee
            return found
    raise Errno(ESRCH)


# ---- thread-local storage


def _arch_prctl(asked: Asked) -> int:
    if asked.data not in _BASES:
        raise Errno(EINVAL)
    segment, base, is_set = _BASES[asked.data]
    if is_set and asked.address >= USER_64.task_size:
        raise Errno(EPERM)
    with asked.task.kernel.lent(asked.task):
        if is_set:
            registers.write(asked.task, segment, 0)
            registers.write(asked.task, base, asked.address)
        value = registers.read(asked.task, base)
    if not is_set:
        asked.tracer.memory.pack(U64, asked.address, value)
    return 0


def _thread_area_entry(asked: Asked) -> int:
    if asked.address & 1 << 31:
        raise Errno(EIO)
    return asked.address


def _get_thread_area(asked: Asked) -> int:
    entry = _thread_area_entry(asked)
    with asked.task.kernel.lent(asked.task):
        found = asked.task.kernel.get_tls_descriptor(tls_slot(entry))
    asked.tracer.memory.pack(USER_DESC, asked.data, entry, *user_desc(found))
    return 0


def _set_thread_area(asked: Asked) -> int:
    entry = _thread_area_entry(asked)
    _, base, limit, bits = asked.tracer.memory.unpack(USER_DESC, asked.data)
    with asked.task.kernel.lent(asked.task):
        store_thread_area(asked.task, entry, base, limit, bits)
    return 0


ROWS: Final[Mapping[int, Row]] = {
    Request.PEEKTEXT: Row(contents.peek),
    Request.PEEKDATA: Row(contents.peek),
    Request.PEEKUSER: Row(contents.peek_user),
    Request.POKETEXT: Row(contents.poke),
    Request.POKEDATA: Row(contents.poke),
    Request.POKEUSER: Row(contents.poke_user),
    Request.CONT: Row(going_on.going(Mode())),
    Request.KILL: Row(going_on.kill, runs=True),
    Request.SINGLESTEP: Row(going_on.going(Mode(steps=True))),
    Request.GETREGS: Row(contents.getting(registers.GENERAL)),
    Request.SETREGS: Row(contents.setting(registers.GENERAL)),
    Request.GETFPREGS: Row(contents.by_abi(contents.getting)),
    Request.SETFPREGS: Row(contents.by_abi(contents.setting)),
    Request.DETACH: Row(going_on.detach),
    Request.GETFPXREGS: Row(contents.getting(registers.FXSAVE), word=4),
    Request.SETFPXREGS: Row(contents.setting(registers.FXSAVE), word=4),
    Request.SYSCALL: Row(going_on.going(Mode(stops_at_calls=True))),
    Request.GET_THREAD_AREA: Row(_get_thread_area),
    Request.SET_THREAD_AREA: Row(_set_thread_area),
    Request.ARCH_PRCTL: Row(_arch_prctl, word=8),
    Request.SYSEMU: Row(going_on.going(Mode(emulates=True))),
    Request.SYSEMU_SINGLESTEP: Row(going_on.going(Mode(emulates=True, steps=True))),
    Request.SETOPTIONS: Row(telling.set_options),
    Request.GETEVENTMSG: Row(telling.message),
    Request.GETSIGINFO: Row(telling.get_info),
    Request.SETSIGINFO: Row(telling.set_info),
    Request.GETREGSET: Row(contents.get_set),
    Request.SETREGSET: Row(contents.set_set),
    Request.INTERRUPT: Row(going_on.interrupt, runs=True),
    Request.LISTEN: Row(going_on.listen),
    Request.PEEKSIGINFO: Row(telling.peek_info),
    Request.GETSIGMASK: Row(telling.get_mask),
    Request.SETSIGMASK: Row(telling.set_mask_of),
    Request.GET_SYSCALL_INFO: Row(telling.call_info),
}
