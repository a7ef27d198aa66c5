/*
 * Asks for the time 1,000 times by `int $0x80`: one of four programs that do the same work in four
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
    int $0x80                   /* who runs next: the kernel, by a gate; it returns by IRET */
    dec %edi
    jnz again

    mov $EXIT, %eax
    xor %ebx, %ebx
    int $0x80                   /* who runs next: the kernel, for good */
    hlt

.bss
time:
    .skip 8
