/*
 * REPE CMPSB over equal strings of eight bytes, one and none; REPNE CMPSB to the first equal byte;
 * REPE CMPSB to the first different one.
 * retired: 5*4 + 3
 */
#include "common.inc"
.macro compare prefix left right count
    lea \left(%rip), %rsi
    lea \right(%rip), %rdi
    mov $\count, %ecx
    \prefix cmpsb
.endm
.globl _start
_start:
    compare repe one one 8
    compare repe one one 1
    compare repe one one 0
    compare repne one other 8
    compare repe one two 8
    exit %ecx               /* 8 - 3 = 5 left */
.section .rodata
one:    .ascii "abcdefgh"
two:    .ascii "abXdefgh"
other:  .ascii "hgfeefgh"
