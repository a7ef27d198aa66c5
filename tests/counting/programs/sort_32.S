/*
 * Bubble sort of 20 numbers in descending order: the worst case, 19*20/2 comparisons, each a swap.
 * retired: 1 + 20*5 + 1 + 19*3 + 190*8 + 1 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $20, %ecx
fill:
    mov $20, %eax
    sub %ecx, %eax
    mov %ecx, numbers(,%eax,4)
    dec %ecx
    jnz fill

    mov $19, %ecx
pass:
    xor %esi, %esi
pair:
    mov numbers(,%esi,4), %eax
    cmp numbers+4(,%esi,4), %eax
    jle in_order
    xchg numbers+4(,%esi,4), %eax
    mov %eax, numbers(,%esi,4)
in_order:
    inc %esi
    cmp %ecx, %esi
    jb pair
    dec %ecx
    jnz pass
    mov numbers+4*6, %eax
    exit %eax               /* 7 */
.bss
.balign 4
numbers: .skip 80
