/*
 * 100 system calls by SYSCALL, and one with a number that no kernel knows.
 * retired: 1 + 100*4 + 4 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $100, %ebx
round:
    mov $39, %eax           /* getpid */
    syscall
    dec %ebx
    jnz round
    mov $4000, %eax
    syscall
    neg %eax
    nop
    exit %eax               /* ENOSYS: 38 */
