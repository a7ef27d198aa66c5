"""The registers of a tracee as its tracer reads and writes them, in the order of either ABI.

What a tracer may set is less than what it sees: flags of ring 3 alone, selectors of ring 3, bases
of user memory. The x87 and SSE units are images. ptrace(2), "PTRACE_GETREGS", "PTRACE_GETREGSET";
the C library's sys/user.h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from emu.x86 import flags
from kernel_stub import layout
from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.abi.sigframes import FSAVE_SIZE, FXSAVE_SIZE, XSAVE_HEADER
from kernel_stub.abi.tracing import (
    NT_PRFPREG,
    NT_PRSTATUS,
    NT_PRXFPREG,
    NT_X86_XSTATE,
    USER_AREA,
)
from kernel_stub.errno import EFAULT, EINVAL, EIO, ENODEV, ERESTARTNOHAND, ERESTARTSYS, Errno
from kernel_stub.signalling.fpu import MXCSR_BITS, START, legacy_image, merged, selected
from kernel_stub.task import Task

_LOW: Final = 0xFFFF_FFFF
_RING3: Final = 3
_SEGMENTS: Final = ("ds", "es", "fs", "gs")
_BASES: Final = ("fs_base", "gs_base")
_WRITABLE_FLAGS: Final = flags.STATUS | flags.TF | flags.DF | flags.AC | flags.RF | flags.NT
_RESTARTS: Final = (ERESTARTSYS, ERESTARTNOHAND)
_FSAVE: Final = FSAVE_SIZE - 4  # struct user_i387_ia32_struct
_MXCSR_AT: Final = 24


def native_abi(task: Task) -> Abi:
    """The ABI of the code that `task` runs: of 64-bit code, x86-64."""
    return X86_64 if task.kernel.saved(task, "cs") == layout.USER_CS else I386


# ---- one register. The task must be lent the processor.


def read(task: Task, name: str) -> int:
    """A register of the USER area, by its name there."""
    kernel = task.kernel
    if name == "fs_base":
        return kernel.get_fs_base()
    if name == "gs_base":
        return kernel.get_gs_base()
    if name in _SEGMENTS:
        return kernel.selector(name)
    value = kernel.saved(task, name)
    if name == "rflags" and task.tracing.forces_step:
        value &= ~flags.TF
    return value


def write(task: Task, name: str, value: int, abi: Abi = X86_64) -> None:
    """Sets it, as a tracer of `abi` asks. Raises Errno(EIO): a selector or base of ring 0."""
    kernel = task.kernel
    if name in _BASES:
        if value >= layout.USER_64.task_size:
            raise Errno(EIO)
        (kernel.set_fs_base if name == "fs_base" else kernel.set_gs_base)(value)
    elif name in (*_SEGMENTS, "cs", "ss"):
        _write_selector(task, name, value & 0xFFFF)
    elif name == "rflags":
        _write_flags(task, value)
    else:
        kernel.save(task, name, value & abi.word_mask)


def _write_selector(task: Task, name: str, selector: int) -> None:
    if selector and selector & _RING3 != _RING3:
        raise Errno(EIO)
    if name in _SEGMENTS:
        task.kernel.load_selector(task, name, selector)
    elif not selector:
        raise Errno(EIO)
    else:
        task.kernel.save(task, name, selector)


def _write_flags(task: Task, value: int) -> None:
    tracing, kernel = task.tracing, task.kernel
    if value & flags.TF:
        tracing.forces_step = False
    elif tracing.forces_step:
        value |= flags.TF
    old = kernel.saved(task, "rflags")
    kernel.save(task, "rflags", old & ~_WRITABLE_FLAGS | value & _WRITABLE_FLAGS)


def judge_restart(task: Task) -> None:
    """The tracer changed registers: whether a call begins anew follows from what they are now.

    The task must be lent the processor.
    """
    task.kernel.return_whole(task)
    number = task.kernel.saved(task, "orig_rax") & _LOW
    result = -task.kernel.saved(task, "rax") & _LOW
    is_call = not number & 1 << 31
    task.restart = result if is_call and result in _RESTARTS else 0


# ---- sets of registers


class RegisterSet(NamedTuple):
    """A set as PTRACE_GETREGSET names it. `unit`: what a size must be a multiple of."""

    read: Callable[[Task, Abi], bytes]
    write: Callable[[Task, Abi, bytes], None]
    unit: Callable[[Abi], int]


def read_general(task: Task, abi: Abi) -> bytes:
    """struct user_regs_struct of `abi`."""
    names = USER_AREA[abi].registers
    return abi.words(len(names)).pack(*(read(task, name) & abi.word_mask for name in names))


def write_general(task: Task, abi: Abi, content: bytes) -> None:
    """Sets as many as `content` has. Raises Errno(EIO)."""
    names = USER_AREA[abi].registers
    count = len(content) // abi.word
    values = abi.words(count).unpack(content[: count * abi.word])
    for name, value in zip(names, values, strict=False):
        write(task, name, value, abi)
    judge_restart(task)


def read_fxsave(task: Task, _abi: Abi) -> bytes:
    """The FXSAVE image."""
    image: bytes = task.kernel.user_state(task).fxsave
    return image


def write_fxsave(task: Task, _abi: Abi, content: bytes) -> None:
    """Sets the units. Raises Errno(EINVAL): reserved bits of MXCSR."""
    if len(content) != FXSAVE_SIZE or _mxcsr(content) & ~MXCSR_BITS:
        raise Errno(EINVAL)
    _set_image(task, content)


def _mxcsr(image: bytes) -> int:
    return int.from_bytes(image[_MXCSR_AT : _MXCSR_AT + 4], "little")


def _set_image(task: Task, image: bytes) -> None:
    user = task.kernel.user_state(task)
    user.fxsave = image
    task.kernel.set_user_state(task, user)


def read_fsave(task: Task, _abi: Abi) -> bytes:
    """struct user_i387_ia32_struct: the x87 unit alone."""
    user = task.kernel.user_state(task)
    registers, selectors = user.registers, user.selectors
    return legacy_image(user.fxsave, registers["cs"], selectors["ds"])[:_FSAVE]


def write_fsave(task: Task, _abi: Abi, content: bytes) -> None:
    """Sets the x87 unit."""
    image = task.kernel.user_state(task).fxsave
    old = read_fsave(task, I386)
    _set_image(task, merged((content + old[len(content) :]).ljust(FSAVE_SIZE, b"\0"), image))


def read_xsave(task: Task, _abi: Abi) -> bytes:
    """An XSAVE image: what the units are, and which components it has."""
    if not task.kernel.has_xsave:
        raise Errno(ENODEV)
    return read_fxsave(task, X86_64) + XSAVE_HEADER.pack(_BOTH, 0, b"")


def write_xsave(task: Task, _abi: Abi, content: bytes) -> None:
    """Sets the components that its header names; the others start anew."""
    if not task.kernel.has_xsave:
        raise Errno(ENODEV)
    if len(content) != FXSAVE_SIZE + XSAVE_HEADER.size:
        raise Errno(EFAULT)
    components, compact, reserved = XSAVE_HEADER.unpack_from(content, FXSAVE_SIZE)
    image = content[:FXSAVE_SIZE]
    if components & ~_BOTH or compact or any(reserved) or _mxcsr(image) & ~MXCSR_BITS:
        raise Errno(EINVAL)
    mxcsr = image if components & _SSE else START
    _set_image(task, selected(image, components, mxcsr[_MXCSR_AT : _MXCSR_AT + 8]))


_X87, _SSE = 1, 2
_BOTH: Final = _X87 | _SSE
GENERAL: Final = RegisterSet(read_general, write_general, lambda abi: abi.word)
FXSAVE: Final = RegisterSet(read_fxsave, write_fxsave, lambda abi: abi.word)
FSAVE: Final = RegisterSet(read_fsave, write_fsave, lambda abi: 4)
XSAVE: Final = RegisterSet(read_xsave, write_xsave, lambda abi: 8)
SETS: Final[dict[Abi, dict[int, RegisterSet]]] = {
    X86_64: {NT_PRSTATUS: GENERAL, NT_PRFPREG: FXSAVE, NT_X86_XSTATE: XSAVE},
    I386: {
        NT_PRSTATUS: GENERAL,
        NT_PRFPREG: FSAVE,
        NT_PRXFPREG: FXSAVE,
        NT_X86_XSTATE: XSAVE,
    },
}
