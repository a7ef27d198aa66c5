"""How sigreturn takes a frame back: what of it counts, and what a program may not ask for.

The handler may have changed every word. As in Linux, a frame gives no more than ring 3 has: which
flags, which selectors. What IRET then refuses is a fault of ring 3. How registers reach the
processor, it does not know.
sigreturn(2), sigaction(2); Linux's user headers: asm/sigcontext.h, asm/ucontext.h.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from emu.x86 import flags
from kernel_stub.abi import sigframes as at
from kernel_stub.abi.abi import X86_64
from kernel_stub.abi.process_structures import SIGSET
from kernel_stub.errno import Errno
from kernel_stub.signalling.fpu import START, load_image, load_images
from kernel_stub.signalling.frames import UserState, make_ss_valid
from kernel_stub.signalling.stacks import change_stack
from kernel_stub.task import Task

_LOW: Final = 0xFFFF_FFFF
_RING3: Final = 3
# The flags that a frame may set: the others stay as they are.
_RESTORED: Final = flags.STATUS | flags.TF | flags.DF | flags.AC | flags.RF
Stack = tuple[int, int, int]


class Frame(NamedTuple):
    """What a frame holds besides the registers. `fpstate` 0: the x87 and SSE units start anew."""

    mask: int
    stack: Stack | None
    fpstate: int


def find_pop(task: Task, real_time: bool) -> Callable[[Task, UserState], Frame]:
    """What takes back the frame of the sigreturn that `task` makes."""
    if task.abi is X86_64:
        return pop_64
    return pop_rt_32 if real_time else pop_32


def restore_fpu(task: Task, user: UserState, fpstate: int) -> None:
    """The x87 and SSE state of a frame. Raises Errno, with the units as they start."""
    user.fxsave = START
    if not fpstate:
        return
    if task.abi is X86_64:
        image = task.memory.copy_in(fpstate, user.fpu_size)
        user.fxsave = load_image(image, fpstate, user.has_xsave)
    else:
        legacy = task.memory.copy_in(fpstate, at.FSAVE_SIZE)
        image = task.memory.copy_in(fpstate + at.FSAVE_SIZE, user.fpu_size)
        user.fxsave = load_images(legacy, image, user.has_xsave)


def restore_stack(task: Task, stack: Stack | None, pointer: int) -> None:
    """As sigaltstack(2) would set it where the program goes on; what it refuses, stays."""
    if stack is not None:
        with suppress(Errno):
            change_stack(task, stack, pointer)


def pop_64(task: Task, user: UserState) -> Frame:
    """rt_sigreturn of x86-64: the registers go into `user`. Raises Errno(EFAULT): none do."""
    ucontext = user.registers["rsp"]  # the handler's `ret` took the return address
    uc_flags, _, start, mode, size = task.memory.unpack(at.UCONTEXT_64_HEAD, ucontext)
    where = ucontext + at.UCONTEXT_64_HEAD.size
    fields = task.memory.unpack(at.SIGCONTEXT_64, where)
    (mask,) = task.memory.unpack(SIGSET, where + at.SIGCONTEXT_64.size)
    registers = user.registers
    old_flags = registers["rflags"]
    registers.update(zip(at.SIGCONTEXT_64_REGISTERS, fields, strict=False))
    cs, _, _, ss, _, _, _, _, fpstate = fields[len(at.SIGCONTEXT_64_REGISTERS) :]
    registers["rflags"] = old_flags & ~_RESTORED | registers["rflags"] & _RESTORED
    registers["cs"], registers["ss"] = cs | _RING3, ss | _RING3
    if user.is_long and not uc_flags & at.UC_STRICT_RESTORE_SS:
        make_ss_valid(task, registers)
    return Frame(mask, (start, mode, size), fpstate)


def pop_32(task: Task, user: UserState) -> Frame:
    """sigreturn of i386. Raises Errno(EFAULT)."""
    frame = user.registers["rsp"] - 8 & _LOW  # the return address and the signal were popped
    high = task.memory.copy_in(frame + at.FRAME_32_MASK_AT, 4)
    oldmask, fpstate = _load_context_32(task, user, frame + at.FRAME_32_HEAD.size)
    return Frame(oldmask | int.from_bytes(high, "little") << 32, None, fpstate)


def pop_rt_32(task: Task, user: UserState) -> Frame:
    """rt_sigreturn of i386. Raises Errno(EFAULT)."""
    frame = user.registers["rsp"] - 4 & _LOW
    ucontext = frame + at.RT_FRAME_32_UCONTEXT_AT
    _, _, start, mode, size = task.memory.unpack(at.UCONTEXT_32_HEAD, ucontext)
    where = ucontext + at.UCONTEXT_32_HEAD.size
    (mask,) = task.memory.unpack(SIGSET, where + at.SIGCONTEXT_32.size)
    _, fpstate = _load_context_32(task, user, where)
    return Frame(mask, (start, mode, size), fpstate)


def _load_context_32(task: Task, user: UserState, address: int) -> tuple[int, int]:
    """Takes the registers from a struct sigcontext; returns its part of the mask, and fpstate."""
    fields = task.memory.unpack(at.SIGCONTEXT_32, address)
    selectors, registers = user.selectors, user.registers
    for name, value in zip(("gs", "fs", "es", "ds"), fields[:4], strict=True):
        selectors[name] = value | _RING3 if value > _RING3 else 0
    old_flags = registers["rflags"]
    registers.update(zip(at.SIGCONTEXT_32_REGISTERS, fields[4:12], strict=True))
    _, _, rip, cs, rflags, _, ss, fpstate, oldmask, _ = fields[12:]
    registers.update(rip=rip, cs=cs | _RING3, ss=ss | _RING3)
    registers["rflags"] = old_flags & ~_RESTORED | rflags & _RESTORED
    return oldmask, fpstate
