/*
 * A read through a null pointer in 32-bit code.
 * retired: 3
 */
#include "common.inc"
.globl _start
_start:
    inc %ecx
    nop
    xor %eax, %eax
    mov (%eax), %edx
    exit $0
