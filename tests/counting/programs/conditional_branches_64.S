/*
 * Branches taken and not taken, CMOV and SETcc in one loop of 100 rounds.
 * Odd rounds add 1 (two instructions), even rounds run three, and every fourth round one more.
 * retired: 2 + 100*10 + 50*2 + 50*3 + 25*1 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $100, %ecx
    xor %ebx, %ebx
round:
    test $1, %cl            /* 1 */
    setnz %al               /* 2 */
    movzbl %al, %eax        /* 3 */
    cmovz %eax, %edx        /* 4 */
    test %eax, %eax         /* 5 */
    jz even                 /* 6 */
    add $1, %ebx            /* odd: 1 */
    jmp next                /* 2 */
even:
    nop                     /* even: 1 */
    test $3, %cl            /* 2 */
    jnz next                /* 3 */
    nop
next:
    cmp $50, %ecx           /* 7 */
    seta %al                /* 8 */
    dec %ecx                /* 9 */
    jnz round               /* 10 */
    exit %ebx
