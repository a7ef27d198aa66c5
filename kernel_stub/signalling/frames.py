"""Signal frames: what a handler finds on its stack.

A frame is built from the registers of ring 3 and written by copy_out. How sigreturn takes it back
is returns.py's; how registers reach the processor, it does not know.
sigaction(2), sigreturn(2), sigaltstack(2); Linux's user headers: asm/sigcontext.h, asm/ucontext.h.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.x86 import descriptors, flags
from kernel_stub import layout
from kernel_stub.abi import sigframes as at
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.abi.process_structures import SIGSET
from kernel_stub.abi.signals import SA_RESTORER, SA_SIGINFO
from kernel_stub.errno import EFAULT, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.signalling.fpu import START, frame_image, legacy_image
from kernel_stub.signalling.siginfo import pack_siginfo
from kernel_stub.signalling.stacks import disarm, frame_place
from kernel_stub.task import Task

_LOW: Final = 0xFFFF_FFFF
_MASK64: Final = (1 << 64) - 1
_RING3: Final = 3
_WRITABLE: Final = 2  # a bit of a data segment's type
_ALIGNMENT: Final = 16  # of a frame
_FPU_ALIGNMENT: Final = 64
_CLEARED: Final = flags.DF | flags.RF | flags.TF  # when a handler starts


class Action(NamedTuple):
    """struct sigaction, as the kernel keeps it."""

    handler: int
    flags: int
    restorer: int
    mask: int


def _fpu_size(has_xsave: bool) -> int:
    return at.XSAVE_SIZE + len(at.FP_XSTATE_MAGIC2) if has_xsave else at.FXSAVE_SIZE


def largest_frame(has_xsave: bool) -> int:
    """How much of a stack a frame takes at most: AT_MINSIGSTKSZ of getauxval(3).

    As Linux counts it, for both ABIs alike: the frame that is largest without the x87 and SSE
    units, both images of these, and what is lost when image and frame are aligned.
    """
    frame = -(-at.FRAME_32_SIZE // 8) * 8  # as code of 64 bits aligns it
    size = frame + at.FSAVE_SIZE + _fpu_size(has_xsave) + _FPU_ALIGNMENT - 1
    return size + 2 * (_ALIGNMENT - 1) & -_ALIGNMENT


class UserState:
    """Ring 3 as it is about to go on: pt_regs by name, data segments by name, FXSAVE image."""

    def __init__(
        self,
        registers: dict[str, int],
        selectors: dict[str, int],
        fxsave: bytes,
        has_xsave: bool,
    ) -> None:
        self.registers = registers
        self.selectors = selectors
        self.fxsave = fxsave
        self.has_xsave = has_xsave

    @property
    def fpu_size(self) -> int:
        """How much a frame holds of the x87 and SSE units."""
        return _fpu_size(self.has_xsave)

    @property
    def is_long(self) -> bool:
        """Whether it runs 64-bit code."""
        return self.registers["cs"] == layout.USER_CS


class Trampolines(NamedTuple):
    """Where an i386 program without a restorer returns from its handlers."""

    sigreturn: int
    rt_sigreturn: int


NO_TRAMPOLINES: Final = Trampolines(0, 0)


def push(
    task: Task, user: UserState, action: Action, sent: SigInfo, mask: int, ways: Trampolines
) -> None:
    """Makes `user` start the handler of `sent`; `mask` is what sigreturn restores.

    Raises Errno(EFAULT), with `user` unchanged: the frame does not fit.
    """
    if task.program_abi is X86_64:
        _push_64(task, user, action, sent, mask)
    elif action.flags & SA_SIGINFO:
        _push_rt_32(task, user, action, sent, mask, ways)
    else:
        _push_32(task, user, action, sent, mask, ways)
    disarm(task)
    registers = user.registers
    registers["rflags"] &= ~_CLEARED
    registers["rip"] = action.handler
    user.fxsave = START


def make_ss_valid(task: Task, registers: dict[str, int]) -> None:
    """A stack segment that 64-bit code could not run with becomes the usual one."""
    selector = registers["ss"]
    if selector != layout.USER_DS and not is_user_stack(task.kernel.descriptor(task, selector)):
        registers["ss"] = layout.USER_DS


def is_user_stack(descriptor: int) -> bool:
    """Whether it describes a present, writable data segment of ring 3."""
    fields = descriptors.decode(descriptor)
    writable = not fields.type & descriptors.TYPE_CODE_BIT and fields.type & _WRITABLE
    return bool(fields.s and fields.present and fields.dpl == _RING3 and writable)


# ---- x86-64


def _push_64(task: Task, user: UserState, action: Action, sent: SigInfo, mask: int) -> None:
    if not action.flags & SA_RESTORER:
        raise Errno(EFAULT)
    registers = user.registers
    pointer = registers["rsp"]
    place = frame_place(task, pointer, at.RED_ZONE, action.flags)
    fpstate = (place.top - user.fpu_size) & -_FPU_ALIGNMENT
    frame = ((fpstate - at.RT_FRAME_64_SIZE) & -_ALIGNMENT) - 8
    place.check(task, frame)
    uc_flags = at.UC_SIGCONTEXT_SS | (at.UC_STRICT_RESTORE_SS if user.is_long else 0)
    uc_flags |= at.UC_FP_XSTATE if user.has_xsave else 0
    head = at.UCONTEXT_64_HEAD.pack(uc_flags, 0, *task.signal_stack)
    fault = task.last_fault
    context = at.SIGCONTEXT_64.pack(
        *(registers[name] for name in at.SIGCONTEXT_64_REGISTERS),
        registers["cs"],
        0,
        0,
        registers["ss"],
        fault.error_code,
        fault.vector,
        mask,
        fault.cr2,
        fpstate & _MASK64,
    )
    content = (
        action.restorer.to_bytes(8, "little")
        + head
        + context
        + SIGSET.pack(mask)
        + pack_siginfo(sent, X86_64)
    )
    task.memory.copy_out(fpstate & _MASK64, frame_image(user.fxsave, user.has_xsave))
    task.memory.copy_out(frame & _MASK64, content)
    ucontext = frame + 8
    registers.update(
        rdi=sent.signal, rsi=ucontext + at.UCONTEXT_64_SIZE, rdx=ucontext, rax=0, rsp=frame
    )
    registers["cs"] = layout.USER_CS
    make_ss_valid(task, registers)


# ---- i386


def _place_32(task: Task, user: UserState, action: Action, size: int) -> tuple[int, int]:
    """Where the frame goes, and where the FSAVE image with the FXSAVE image behind it."""
    place = frame_place(task, user.registers["rsp"] & _LOW, 0, action.flags)
    fpstate = ((place.top - user.fpu_size) & -_FPU_ALIGNMENT) - at.FSAVE_SIZE
    frame = ((fpstate - size + 4) & -_ALIGNMENT) - 4
    place.check(task, frame)
    legacy = legacy_image(user.fxsave, user.registers["cs"], user.selectors["ds"])
    image = frame_image(user.fxsave, user.has_xsave, in_front=len(legacy))
    task.memory.copy_out(fpstate & _LOW, legacy + image)
    return frame & _LOW, fpstate & _LOW


def _context_32(task: Task, user: UserState, mask: int, fpstate: int) -> bytes:
    registers, selectors, fault = user.registers, user.selectors, task.last_fault
    pointer = registers["rsp"] & _LOW
    return at.SIGCONTEXT_32.pack(
        *(selectors[name] for name in ("gs", "fs", "es", "ds")),
        *(registers[name] & _LOW for name in at.SIGCONTEXT_32_REGISTERS),
        fault.vector,
        fault.error_code & _LOW,
        registers["rip"] & _LOW,
        registers["cs"],
        registers["rflags"] & _LOW,
        pointer,
        registers["ss"],
        fpstate,
        mask & _LOW,
        fault.cr2 & _LOW,
    )


def _start_32(user: UserState, frame: int, signal: int, info: int, ucontext: int) -> None:
    user.registers.update(rsp=frame, rax=signal, rdx=info, rcx=ucontext)
    user.registers.update(cs=layout.USER32_CS, ss=layout.USER_DS)
    user.selectors["ds"] = user.selectors["es"] = layout.USER_DS


def _push_32(
    task: Task, user: UserState, action: Action, sent: SigInfo, mask: int, ways: Trampolines
) -> None:
    frame, fpstate = _place_32(task, user, action, at.FRAME_32_SIZE)
    back = action.restorer if action.flags & SA_RESTORER else ways.sigreturn
    content = (
        at.FRAME_32_HEAD.pack(back & _LOW, sent.signal)
        + _context_32(task, user, mask, fpstate)
        + bytes(at.FPSTATE_32_SIZE)
        + (mask >> 32).to_bytes(4, "little")
        + at.RETURN_CODE_32
    )
    task.memory.copy_out(frame, content)
    _start_32(user, frame, sent.signal, 0, 0)


def _push_rt_32(
    task: Task, user: UserState, action: Action, sent: SigInfo, mask: int, ways: Trampolines
) -> None:
    frame, fpstate = _place_32(task, user, action, at.RT_FRAME_32_SIZE)
    back = action.restorer if action.flags & SA_RESTORER else ways.rt_sigreturn
    uc_flags = at.UC_FP_XSTATE if user.has_xsave else 0
    info, ucontext = frame + at.RT_FRAME_32_HEAD.size, frame + at.RT_FRAME_32_UCONTEXT_AT
    content = (
        at.RT_FRAME_32_HEAD.pack(back & _LOW, sent.signal, info, ucontext)
        + pack_siginfo(sent, I386)
        + at.UCONTEXT_32_HEAD.pack(uc_flags, 0, *task.signal_stack)
        + _context_32(task, user, mask, fpstate)
        + SIGSET.pack(mask)
        + at.RT_RETURN_CODE_32
    )
    task.memory.copy_out(frame, content)
    _start_32(user, frame, sent.signal, info, ucontext)
