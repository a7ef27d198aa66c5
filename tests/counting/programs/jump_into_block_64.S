/*
 * A block is run whole, then entered in its middle, then at its last instruction: three blocks
 * that share bytes.
 * retired: 2 + (6 + 2) + 2 + (4 + 3) + 2 + (1 + 3) + 3
 */
#include "common.inc"
.globl _start
_start:
    xor %eax, %eax
    xor %ebx, %ebx
whole:
    add $1, %eax
    add $2, %eax
middle:
    add $4, %eax
    add $8, %eax
    add $16, %eax
last:
    inc %ebx
    cmp $2, %ebx
    jb again                /* after the whole block */
    je end                  /* after the middle */
    exit %eax               /* 31 + 28 = 59 */
again:
    nop
    jmp middle
end:
    nop
    jmp last
