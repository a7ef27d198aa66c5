/*
 * Ten divisions go well; the eleventh divides by zero.
 * retired: 1 + 10*6 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $10, %ecx
divide:
    mov $100, %eax
    xor %edx, %edx
    nop
    div %ecx
    dec %ecx
    jmp divide
