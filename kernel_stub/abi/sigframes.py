"""What the kernel leaves on a program's stack for a signal handler, in both ABIs.

Layouts only. Linux's user headers: asm/sigcontext.h, asm/ucontext.h, asm-generic/siginfo.h;
sigaction(2), sigreturn(2). The i386 frames also stand in the i386 System V ABI's supplements.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

# struct sigcontext of x86-64: the registers in its order, then what is no register of pt_regs.
SIGCONTEXT_64_REGISTERS: Final = tuple(
    "r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip rflags".split()
)
# the registers; cs gs fs ss; err trapno oldmask cr2 fpstate; 64 reserved bytes
SIGCONTEXT_64: Final = Struct("<18Q4H5Q64x")
# struct ucontext: flags, link, then stack_t, sigcontext and the mask.
UCONTEXT_64_HEAD: Final = Struct("<2QQI4xQ")
UC_FP_XSTATE: Final = 1
UC_SIGCONTEXT_SS: Final = 2
UC_STRICT_RESTORE_SS: Final = 4
UCONTEXT_64_SIZE: Final = UCONTEXT_64_HEAD.size + SIGCONTEXT_64.size + 8
SIGINFO_SIZE: Final = 128
# struct rt_sigframe: the return address, the ucontext, the siginfo.
RT_FRAME_64_SIZE: Final = 8 + UCONTEXT_64_SIZE + SIGINFO_SIZE
RED_ZONE: Final = 128

# struct sigcontext of i386: gs fs es ds, each with a half word of padding; the registers in its
# order; cs; eflags, esp at the signal; ss; fpstate oldmask cr2.
SIGCONTEXT_32: Final = Struct("<H2xH2xH2xH2x11IH2x2IH2x3I")
SIGCONTEXT_32_REGISTERS: Final = tuple("rdi rsi rbp rsp rbx rdx rcx rax".split())
FPSTATE_32_SIZE: Final = 624  # struct _fpstate: a placeholder in the frame
# struct ucontext of i386: flags, link, stack_t.
UCONTEXT_32_HEAD: Final = Struct("<2I3I")
UCONTEXT_32_SIZE: Final = UCONTEXT_32_HEAD.size + SIGCONTEXT_32.size + 8
# struct sigframe: return address, signal; sigcontext; fpstate; the mask's upper half; code.
FRAME_32_HEAD: Final = Struct("<Ii")
FRAME_32_MASK_AT: Final = FRAME_32_HEAD.size + SIGCONTEXT_32.size + FPSTATE_32_SIZE
FRAME_32_SIZE: Final = FRAME_32_MASK_AT + 4 + 8
# struct rt_sigframe: return address, signal, pointers to siginfo and ucontext; these; code.
RT_FRAME_32_HEAD: Final = Struct("<IiII")
RT_FRAME_32_UCONTEXT_AT: Final = RT_FRAME_32_HEAD.size + SIGINFO_SIZE
RT_FRAME_32_SIZE: Final = RT_FRAME_32_UCONTEXT_AT + UCONTEXT_32_SIZE + 8
RETURN_CODE_32: Final = bytes.fromhex("58b877000000cd80")  # pop %eax; mov $119,%eax; int $0x80
RT_RETURN_CODE_32: Final = bytes.fromhex("b8ad000000cd8000")  # mov $173,%eax; int $0x80

FXSAVE_SIZE: Final = 512
# struct _fpx_sw_bytes, in bytes of the FXSAVE image that are the kernel's: magic, extended_size,
# xfeatures, xstate_size; then zeroes.
SW_BYTES_AT: Final = 464
SW_BYTES: Final = Struct("<IIQI28x")
FP_XSTATE_MAGIC1: Final = 0x4650_5853
FP_XSTATE_MAGIC2: Final = Struct("<I").pack(0x4650_5845)  # behind the XSAVE image
# The header of an XSAVE image: XSTATE_BV, XCOMP_BV, then zeroes.
XSAVE_HEADER: Final = Struct("<QQ48s")
XSAVE_SIZE: Final = FXSAVE_SIZE + XSAVE_HEADER.size  # without AVX

# struct _fpregs_state: control, status and tag words, four pointers, the registers; then the status
# once more, and 0 for "an FXSAVE image follows".
FSAVE_HEAD: Final = Struct("<7I")
FSAVE_SIZE: Final = FSAVE_HEAD.size + 80 + 4

# siginfo_t: signo, errno, code, then by the kind of signal.
SIGINFO_HEAD: Final = {8: Struct("<3i4x"), 4: Struct("<3i")}
SIGINFO_SENT: Final = {8: Struct("<iIQ"), 4: Struct("<iII")}  # pid, uid, value
SIGINFO_CHILD: Final = {8: Struct("<iIi4x2q"), 4: Struct("<iIi2i")}  # pid, uid, status, times
SIGINFO_POLL: Final = {8: Struct("<qi"), 4: Struct("<ii")}  # band, descriptor
SIGINFO_FAULT: Final = {8: Struct("<Q"), 4: Struct("<I")}
