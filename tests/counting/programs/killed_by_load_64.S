/*
 * A block that runs well twice and faults in its middle the third time: what stands before counts.
 * retired: 3 + 2*7 + 3
 */
#include "common.inc"
.globl _start
_start:
    lea value(%rip), %rbx
    mov $2, %ecx
    xor %esi, %esi
block:
    add $1, %eax
    nop
    nop
    mov (%rbx), %edx        /* the third time RBX = 0 */
    dec %ecx
    cmovz %rsi, %rbx
    jmp block
.section .rodata
.balign 4
value: .long 5
