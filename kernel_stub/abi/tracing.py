"""What ptrace(2) speaks of: requests, options, events, and how registers lie in its structures.

Facts only, in both ABIs. Linux's user headers: linux/ptrace.h, asm/ptrace-abi.h, linux/elf.h,
linux/audit.h; the C library's sys/user.h.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from kernel_stub.abi.abi import I386, X86_64, Abi


class Request(IntEnum):
    """The first argument of ptrace(2)."""

    TRACEME = 0
    PEEKTEXT = 1
    PEEKDATA = 2
    PEEKUSER = 3
    POKETEXT = 4
    POKEDATA = 5
    POKEUSER = 6
    CONT = 7
    KILL = 8
    SINGLESTEP = 9
    GETREGS = 12
    SETREGS = 13
    GETFPREGS = 14
    SETFPREGS = 15
    ATTACH = 16
    DETACH = 17
    GETFPXREGS = 18
    SETFPXREGS = 19
    SYSCALL = 24
    GET_THREAD_AREA = 25
    SET_THREAD_AREA = 26
    ARCH_PRCTL = 30
    SYSEMU = 31
    SYSEMU_SINGLESTEP = 32
    SETOPTIONS = 0x4200
    GETEVENTMSG = 0x4201
    GETSIGINFO = 0x4202
    SETSIGINFO = 0x4203
    GETREGSET = 0x4204
    SETREGSET = 0x4205
    SEIZE = 0x4206
    INTERRUPT = 0x4207
    LISTEN = 0x4208
    PEEKSIGINFO = 0x4209
    GETSIGMASK = 0x420A
    SETSIGMASK = 0x420B
    GET_SYSCALL_INFO = 0x420E


class Event(IntEnum):
    """Why a tracee stopped, in the third byte of its status; `1 << event` is the option."""

    FORK = 1
    VFORK = 2
    CLONE = 3
    EXEC = 4
    VFORK_DONE = 5
    EXIT = 6
    STOP = 128


TRACESYSGOOD: Final = 1
EXITKILL: Final = 1 << 20
KNOWN_OPTIONS: Final = 0xFF | EXITKILL
SYSCALL_STOP: Final = 0x80  # with TRACESYSGOOD, in the signal of a stop at a system call
ENTRY_MESSAGE, EXIT_MESSAGE = 1, 2  # PTRACE_GETEVENTMSG at such a stop
PEEK_SHARED: Final = 1  # PTRACE_PEEKSIGINFO: what is pending for the process
PEEKSIGINFO_ARGS: Final = Struct("<QIi")  # off, flags, nr

# struct ptrace_syscall_info: op, arch, instruction_pointer, stack_pointer; then nr and arguments,
# or the result and whether it is an error.
INFO_NONE, INFO_ENTRY, INFO_EXIT = 0, 1, 2
INFO_HEAD: Final = Struct("<B3xIQQ")
INFO_CALL: Final = Struct("<7Q")
INFO_RESULT: Final = Struct("<qB")
ARCHITECTURE: Final = {X86_64: 0xC000_003E, I386: 0x4000_0003}  # AUDIT_ARCH_*
ARGUMENTS: Final = {
    X86_64: ("rdi", "rsi", "rdx", "r10", "r8", "r9"),
    I386: ("rbx", "rcx", "rdx", "rsi", "rdi", "rbp"),
}

# Notes of a core file, by which PTRACE_GETREGSET names sets of registers.
NT_PRSTATUS: Final = 1
NT_PRFPREG: Final = 2
NT_X86_XSTATE: Final = 0x202
NT_PRXFPREG: Final = 0x46E6_2B7F


class UserArea(NamedTuple):
    """struct user of an ABI: the registers at its start, its debug registers, its size.

    `ignores`: what is written between them is ignored, not refused.
    """

    registers: tuple[str, ...]
    debug_at: int
    size: int
    ignores: bool


# The names are pt_regs's and those of segments; each takes one word.
USER_AREA: Final[dict[Abi, UserArea]] = {
    X86_64: UserArea(
        tuple(
            "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs rflags "
            "rsp ss fs_base gs_base ds es fs gs".split()
        ),
        848,
        928,
        ignores=False,
    ),
    I386: UserArea(
        tuple("rbx rcx rdx rsi rdi rbp rax ds es fs gs orig_rax rip cs rflags rsp ss".split()),
        252,
        288,
        ignores=True,
    ),
}
DEBUG_REGISTERS: Final = 8
