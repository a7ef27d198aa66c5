/*
 * Asks for the time 1,000 times by SYSENTER: one of four programs that do the same work in four
 * ways. `ringscope compare` puts them side by side.
 */
.equ CLOCK_GETTIME, 265         /* numbers of the i386 table */
.equ EXIT, 1
.equ CLOCK_MONOTONIC, 1
.globl _start
_start:
    mov $1000, %edi
again:
    mov $CLOCK_GETTIME, %eax
    mov $CLOCK_MONOTONIC, %ebx
    mov $time, %ecx
    call enter_kernel
    dec %edi
    jnz again

    mov $EXIT, %eax
    xor %ebx, %ebx
    call enter_kernel
    hlt

enter_kernel:
    push %ecx
    push %edx
    push %ebp
    mov %esp, %ebp
    sysenter                    /* who runs next: the kernel; then the landing pad in the vDSO, which
                                   takes off what was pushed here and returns to our caller */
    hlt

.bss
time:
    .skip 8
