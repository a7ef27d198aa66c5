/*
 * LOOP and JECXZ in 32-bit code.
 * retired: 1 + 100 + 1 + 2 + 3*2 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $100, %ecx
itself:
    loop itself
    jecxz empty
    ud2
empty:
    xor %edx, %edx
    mov $3, %ecx
counted:
    inc %edx
    loop counted
    exit %edx
