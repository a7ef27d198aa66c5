/*
 * exit(42) by SYSENTER, Intel's fast way into the kernel from 32-bit code.
 *
 * SYSENTER takes CS, EIP and ESP of the kernel from three model-specific registers and saves nothing at all: not
 * where it came from, not the user's stack. So kernel and user agree on a protocol:
 *   - ECX, EDX and EBP lie on the user's stack, in this order of pushes;
 *   - EBP holds the user's ESP. The kernel finds the user's stack by it, and the sixth argument, the
 *     caller's EBP, at its top.
 * (An AMD processor raises #UD for SYSENTER under a 64-bit kernel.)
 */
.globl _start
_start:                         /* ring 3, CS = 0x23 */
    mov $1, %eax                /* exit in the i386 table */
    mov $42, %ebx
    push %ecx
    push %edx
    push %ebp
    mov %esp, %ebp
    sysenter                    /* who runs next: the kernel at SYSENTER_EIP, in ring 0, on the stack of
                                   SYSENTER_ESP, with interrupts off */
    hlt                         /* nobody: exit does not return */
