/*
 * Blocks of one instruction: jumps that lead to jumps, and one that jumps to the next instruction.
 * retired: 1 + 50*(4 + 2) + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $50, %ecx
round:
    jmp third
second:
    jmp fourth
third:
    jmp second
fourth:
    .byte 0xeb, 0x00        /* jmp to the next instruction */
    dec %ecx
    jnz round
    exit %ecx
