/*
 * A function that 32-bit code rewrites between its calls: one instruction of three bytes, or three
 * of one. It lies on another page than the loop.
 * retired: 2 + 10*(7 + 1) + 5*1 + 5*3 + 3
 */
#include "common.inc"
.globl _start
_start:
    xor %eax, %eax
    mov $10, %ecx
round:
    mov one, %edx
    test $1, %cl
    cmovnz three, %edx
    mov %edx, function
    call function
    dec %ecx
    jnz round
    exit %eax               /* 5 + 5*3 = 20 */
.section .rodata
.balign 4
one:
    lea 1(%eax), %eax
    ret
.balign 4
three:
    inc %eax
    inc %eax
    inc %eax
    ret
.section .modified, "awx"
.balign 4096
function:
    .skip 4
