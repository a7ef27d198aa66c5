/*
 * No branch in 32-bit code, with INC and DEC in the one byte that would be a REX prefix in 64-bit
 * code.
 * retired: 8 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $19, %eax
    inc %eax
    inc %eax
    push %eax
    add %eax, (%esp)
    pop %edx
    dec %edx
    inc %edx
    exit %edx
