/*
 * Blocks longer than any translator likes: 700 nops in a loop, then 5000 over more than a page.
 * retired: 1 + 3*(700 + 2) + 5000 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $3, %ecx
round:
    .rept 700
    nop
    .endr
    dec %ecx
    jnz round
    .rept 5000
    nop
    .endr
    exit %ecx
