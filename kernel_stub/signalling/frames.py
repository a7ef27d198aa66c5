"""Signal frames: what a handler finds on its stack, and how sigreturn takes it back.

A frame is built from the registers of ring 3 and written by copy_out; a program may change it, so
what comes back is checked as Linux checks it: no frame gives more than ring 3 has. How registers
reach the processor, it does not know.
sigaction(2), sigreturn(2), sigaltstack(2); Linux's user headers: asm/sigcontext.h, asm/ucontext.h.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, NamedTuple

from emu.x86 import flags
from kernel_stub import layout
from kernel_stub.abi import sigframes as at
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.abi.process_structures import SIGSET
from kernel_stub.abi.signals import SA_RESTORER, SA_SIGINFO
from kernel_stub.errno import EFAULT, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.signalling.fpu import from_legacy_image, legacy_image
from kernel_stub.signalling.siginfo import pack_siginfo
from kernel_stub.signalling.stacks import change_stack, disarm, frame_place
from kernel_stub.task import Task

_LOW: Final = 0xFFFF_FFFF
_MASK64: Final = (1 << 64) - 1
# The flags that a frame may set: the others stay as they are.
_RESTORED: Final = flags.STATUS | flags.TF | flags.DF | flags.AC | flags.RF
_CLEARED: Final = flags.DF | flags.RF | flags.TF  # when a handler starts
_RING3: Final = 3


class Action(NamedTuple):
    """struct sigaction, as the kernel keeps it."""

    handler: int
    flags: int
    restorer: int
    mask: int


class UserState:
    """Ring 3 as it is about to go on: pt_regs by name, data segments by name, FXSAVE image."""

    def __init__(self, registers: dict[str, int], selectors: dict[str, int], fxsave: bytes) -> None:
        self.registers = registers
        self.selectors = selectors
        self.fxsave = fxsave

    @property
    def is_long(self) -> bool:
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
    registers["rip"], registers["ss"] = action.handler, layout.USER_DS


# ---- x86-64


def _push_64(task: Task, user: UserState, action: Action, sent: SigInfo, mask: int) -> None:
    if not action.flags & SA_RESTORER:
        raise Errno(EFAULT)
    registers = user.registers
    pointer = registers["rsp"]
    place = frame_place(task, pointer, at.RED_ZONE, action.flags)
    fpstate = (place.top - at.FXSAVE_SIZE) & -64
    frame = ((fpstate - at.RT_FRAME_64_SIZE) & -16) - 8
    place.check(task, frame)
    uc_flags = at.UC_SIGCONTEXT_SS | at.UC_STRICT_RESTORE_SS
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
        fpstate,
    )
    content = (
        action.restorer.to_bytes(8, "little")
        + head
        + context
        + SIGSET.pack(mask)
        + pack_siginfo(sent, X86_64)
    )
    task.memory.copy_out(fpstate, user.fxsave)
    task.memory.copy_out(frame, content)
    ucontext = frame + 8
    registers.update(
        rdi=sent.signal, rsi=ucontext + at.UCONTEXT_64_SIZE, rdx=ucontext, rax=0, rsp=frame
    )
    registers["cs"] = layout.USER_CS


def pop_64(task: Task, user: UserState) -> int:
    """rt_sigreturn of x86-64: restores `user` and the stack; returns the mask. Raises Errno."""
    ucontext = user.registers["rsp"]  # the handler's `ret` took the return address
    uc_flags, _, *stack = task.memory.unpack(at.UCONTEXT_64_HEAD, ucontext)
    where = ucontext + at.UCONTEXT_64_HEAD.size
    fields = task.memory.unpack(at.SIGCONTEXT_64, where)
    (mask,) = task.memory.unpack(SIGSET, where + at.SIGCONTEXT_64.size)
    registers = user.registers
    old_flags = registers["rflags"]
    registers.update(zip(at.SIGCONTEXT_64_REGISTERS, fields, strict=False))
    cs, _, _, ss, _, _, _, _, fpstate = fields[len(at.SIGCONTEXT_64_REGISTERS) :]
    registers["rflags"] = old_flags & ~_RESTORED | registers["rflags"] & _RESTORED
    registers["cs"] = cs | _RING3
    if uc_flags & at.UC_SIGCONTEXT_SS:
        registers["ss"] = ss | _RING3
    if fpstate:
        user.fxsave = task.memory.copy_in(fpstate, at.FXSAVE_SIZE)
    _restore_stack(task, stack, user)
    return int(mask)


def _restore_stack(task: Task, stack: list[int], user: UserState) -> None:
    """As sigaltstack(2) would set it where the program goes on; what it refuses, stays."""
    start, flags, size = stack
    with suppress(Errno):
        change_stack(task, (start, flags, size), user.registers["rsp"])


# ---- i386


def _place_32(task: Task, user: UserState, action: Action, size: int) -> tuple[int, int]:
    """Where the frame goes, and where the FSAVE image with the FXSAVE image behind it."""
    place = frame_place(task, user.registers["rsp"] & _LOW, 0, action.flags)
    fpstate = ((place.top - at.FXSAVE_SIZE) & -64) - at.FSAVE_SIZE
    frame = ((fpstate - size + 4) & -16) - 4
    place.check(task, frame)
    task.memory.copy_out(fpstate & _LOW, legacy_image(user.fxsave) + user.fxsave)
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
    user.registers.update(rsp=frame, rax=signal, rdx=info, rcx=ucontext, cs=layout.USER32_CS)
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
    info, ucontext = frame + at.RT_FRAME_32_HEAD.size, frame + at.RT_FRAME_32_UCONTEXT_AT
    content = (
        at.RT_FRAME_32_HEAD.pack(back & _LOW, sent.signal, info, ucontext)
        + pack_siginfo(sent, I386)
        + at.UCONTEXT_32_HEAD.pack(0, 0, *task.signal_stack)
        + _context_32(task, user, mask, fpstate)
        + SIGSET.pack(mask)
        + at.RT_RETURN_CODE_32
    )
    task.memory.copy_out(frame, content)
    _start_32(user, frame, sent.signal, info, ucontext)


def pop_32(task: Task, user: UserState) -> int:
    """sigreturn: restores `user`; returns the mask. Raises Errno(EFAULT)."""
    frame = user.registers["rsp"] - 8 & _LOW  # the return address and the signal were popped
    oldmask = _load_context_32(task, user, frame + at.FRAME_32_HEAD.size)
    high = task.memory.copy_in(frame + at.FRAME_32_MASK_AT, 4)
    return oldmask | int.from_bytes(high, "little") << 32


def pop_rt_32(task: Task, user: UserState) -> int:
    """rt_sigreturn of i386: restores `user` and the stack; returns the mask. Raises Errno."""
    frame = user.registers["rsp"] - 4 & _LOW
    ucontext = frame + at.RT_FRAME_32_UCONTEXT_AT
    _, _, *stack = task.memory.unpack(at.UCONTEXT_32_HEAD, ucontext)
    where = ucontext + at.UCONTEXT_32_HEAD.size
    (mask,) = task.memory.unpack(SIGSET, where + at.SIGCONTEXT_32.size)
    _load_context_32(task, user, where)
    _restore_stack(task, stack, user)
    return int(mask)


def _load_context_32(task: Task, user: UserState, address: int) -> int:
    """Takes the registers from a struct sigcontext; returns its part of the mask."""
    fields = task.memory.unpack(at.SIGCONTEXT_32, address)
    selectors, registers = user.selectors, user.registers
    gs, fs, es, ds = fields[:4]
    selectors.update(
        {
            name: value | _RING3 if value else 0
            for name, value in zip(("gs", "fs", "es", "ds"), (gs, fs, es, ds), strict=True)
        }
    )
    old_flags = registers["rflags"]
    registers.update(zip(at.SIGCONTEXT_32_REGISTERS, fields[4:12], strict=True))
    _, _, rip, cs, rflags, _, ss, fpstate, oldmask, _ = fields[12:]
    registers.update(rip=rip, cs=cs | _RING3, ss=ss | _RING3)
    registers["rflags"] = old_flags & ~_RESTORED | rflags & _RESTORED
    if fpstate:
        legacy = task.memory.copy_in(fpstate, at.FSAVE_SIZE)
        fxsave = task.memory.copy_in(fpstate + at.FSAVE_SIZE, at.FXSAVE_SIZE)
        user.fxsave = from_legacy_image(legacy, fxsave)
    return int(oldmask)
