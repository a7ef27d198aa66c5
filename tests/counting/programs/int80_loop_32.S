/*
 * 100 system calls by `int $0x80`, and one with a number that no kernel knows.
 * retired: 1 + 100*4 + 4 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $100, %ecx
round:
    mov $20, %eax           /* getpid */
    int $0x80
    dec %ecx
    jnz round
    mov $4000, %eax
    int $0x80
    neg %eax
    nop
    exit %eax               /* ENOSYS: 38 */
