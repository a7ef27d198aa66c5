/*
 * Every way to call and return: direct, through a register, through memory, a tail jump, RET that
 * drops arguments, and `rep ret`, whose prefix makes it no string instruction.
 * retired: 1 + 4 + 5 + 4 + 5 + 6 + 4 + 3
 */
#include "common.inc"
.globl _start
_start:
    xor %eax, %eax

    call add_one            /* 1 + 2 here and there, and a nop: 4 */
    nop

    lea add_one(%rip), %rdx /* 5 */
    call *%rdx
    nop

    call *pointer(%rip)     /* 4 */
    nop

    call tail               /* 1 + 1 + 2 + 1 = 5 */
    nop

    push %rax               /* 6: push, push, call, add, ret $16, nop */
    push %rax
    call drop_arguments
    nop

    call rep_return         /* 4 */
    nop
    exit %eax

add_one:
    add $1, %eax
    ret
tail:
    jmp add_one
drop_arguments:
    add $1, %eax
    ret $16
rep_return:
    add $1, %eax
    .byte 0xf3, 0xc3

.section .rodata
.balign 8
pointer:
    .quad add_one
