/*
 * A function that the program rewrites between its calls: one instruction of three bytes in even
 * rounds, two instructions in odd ones.
 * retired: 2 + 10*(7 + 1) + 5*1 + 5*2 + 3
 */
#include "common.inc"
.section .modified, "awx"
.globl _start
_start:
    xor %eax, %eax
    mov $10, %ecx
round:
    mov one(%rip), %edx
    test $1, %cl
    cmovnz two(%rip), %edx
    mov %edx, function(%rip)
    call function
    dec %ecx
    jnz round
    exit %eax               /* 10 */
.balign 8
function:
    .skip 4                 /* three bytes, and a RET */
.section .rodata
.balign 4
one:
    lea 1(%rax), %eax
    ret
.balign 4
two:
    nop
    inc %eax
    ret
