/*
 * Code on pages that are fetched for the first time: seven functions a page apart, then a block
 * that falls through onto a page nobody has touched.
 * retired: 3 + 7*6 + 2 + 2 + 4 + 3
 */
#include "common.inc"
.globl _start
_start:
    xor %eax, %eax
    mov $7, %ecx
    lea functions(%rip), %rdx
each:
    call *%rdx
    add $4096, %rdx
    dec %ecx
    jnz each
    nop
    jmp fall_through

.balign 4096
functions:
    .rept 7
    add $1, %eax
    ret
    .balign 4096, 0xcc
    .endr

    .skip 4096 - 6, 0xcc
fall_through:
    add $1, %eax            /* 3 bytes */
    add $1, %eax            /* 3 bytes: the page ends here */
    add $1, %eax
    add $1, %eax
    add $1, %eax
    add $1, %eax
    exit %eax               /* 7 + 6 = 13 */
