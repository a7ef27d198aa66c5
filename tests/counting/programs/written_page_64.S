/*
 * Data on the page that is being executed: every store hits the page, none an instruction.
 * retired: 2 + 50*5 + 3
 */
#include "common.inc"
.section .modified, "awx"
.globl _start
_start:
    xor %eax, %eax
    mov $50, %ecx
round:
    add $3, %eax
    mov %eax, data(%rip)
    addl $1, data(%rip)
    dec %ecx
    jnz round
    exit data(%rip)         /* 151 */
.balign 64
data:
    .long 0
