/*
 * Asks for the time 1,000 times by SYSCALL: one of four programs that do the same work in four
 * ways. `ringscope compare` puts them side by side.
 */
.equ CLOCK_GETTIME, 228         /* numbers of the x86_64 table */
.equ EXIT, 60
.equ CLOCK_MONOTONIC, 1
.globl _start
_start:
    mov $1000, %ebx
again:
    mov $CLOCK_GETTIME, %eax
    mov $CLOCK_MONOTONIC, %edi
    mov $time, %esi
    syscall                     /* who runs next: the kernel, at LSTAR; it returns by SYSRET */
    dec %ebx
    jnz again

    mov $EXIT, %eax
    xor %edi, %edi
    syscall                     /* who runs next: the kernel, for good */
    hlt

.bss
time:
    .skip 16
