/*
 * Two stores in the middle of a block: one rewrites the eight instructions before it, one the eight
 * that come next. Each time eight NOPs become two instructions of four bytes.
 * retired: 3 + (8 + 2 + 2 + 2) + 2*(2 + 2 + 2 + 2) + 3
 */
#include "common.inc"
.section .modified, "awx"
.globl _start
_start:
    xor %eax, %eax
    mov $3, %ecx
    mov two_instructions(%rip), %rdx
round:
before:
    .rept 8
    nop
    .endr
    mov %rdx, before(%rip)
    mov %rdx, after(%rip)
after:
    .rept 8
    nop
    .endr
    dec %ecx
    jnz round
    exit %eax               /* 3 in the first round, 6 in the second and third: 15 */
.section .rodata
.balign 8
two_instructions:
    lea 1(%eax), %eax       /* in 64-bit code four bytes, with the address-size prefix */
    lea 2(%eax), %eax
