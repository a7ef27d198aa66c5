/*
 * A block that begins on one page and ends on the next, with one instruction on both.
 * retired: 3 + 5*6 + 3
 */
#include "common.inc"
.globl _start
_start:
    xor %eax, %eax
    mov $5, %ecx
    jmp block

.balign 4096
    .skip 4096 - 11, 0x90
block:
    add $1, %eax            /* 3 bytes */
    add $2, %eax            /* 3 bytes */
    movabs $0x1122334455667788, %rdx    /* 10 bytes: 5 on this page, 5 on the next */
    add $3, %eax
    dec %ecx
    jnz block
    exit %eax               /* 30 */
