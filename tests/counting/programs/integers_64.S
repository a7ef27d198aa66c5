/*
 * Multiplication, shifts, bit scans and tests, byte swaps.
 * retired: 3 + 30*12 + 1 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $30, %ecx
    mov $12345, %eax
    xor %ebx, %ebx
round:
    imul $1103515245, %eax, %eax
    add $12345, %eax
    mov %eax, %edx
    shr $16, %edx
    bswap %edx
    rol $3, %edx
    bsf %eax, %esi
    bt $20, %edx
    adc $0, %ebx
    mul %edx
    dec %ecx
    jnz round
    and $127, %ebx
    exit %ebx
