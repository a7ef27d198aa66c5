/*
 * A loop that rewrites its own body: INC becomes NOP becomes INC. The store hits the block that it
 * is in.
 * retired: 2 + 20*5 + 3
 */
#include "common.inc"
.section .modified, "awx"
.globl _start
_start:
    xor %eax, %eax
    mov $20, %ecx
round:
    xorw $(0xc0ff ^ 0x9066), body(%rip)     /* inc %eax <-> a NOP of two bytes */
    nop
body:
    inc %eax
    dec %ecx
    jnz round
    exit %eax               /* 10 */
