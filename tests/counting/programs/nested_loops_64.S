/*
 * Ten times seven: blocks that run again and again.
 * retired: 2 + 10*(1 + 7*3 + 2) + 3
 */
#include "common.inc"
.globl _start
_start:
    xor %eax, %eax
    mov $10, %ecx
outer:
    mov $7, %edx
inner:
    add $1, %eax
    dec %edx
    jnz inner
    dec %ecx
    jnz outer
    exit %eax
