/*
 * Self-modifying code: each round patches the instruction right behind the store, in the same
 * block.
 * retired: 2 + 10*5 + 3
 */
#include "common.inc"
.section .modified, "awx"
.globl _start
_start:
    xor %eax, %eax
    mov $10, %ecx
round:
    mov %cl, patched+2(%rip)
patched:
    add $0, %eax            /* its immediate operand is the byte at +2 */
    nop
    dec %ecx
    jnz round
    exit %eax               /* 10 + 9 + ... + 1 = 55 */
