/*
 * A tiny interpreter: each byte of its program is the index of a handler's address.
 * It computes 5! with a loop of 4 rounds.
 * retired: 4 + 5 + 4*(4 + 4) + 3*6 + 5 + 3
 */
#include "common.inc"
.globl _start
.macro dispatch             /* 3 instructions */
    movzbl (%rsi), %eax
    inc %rsi
    jmp *handlers(,%rax,8)
.endm
_start:
    lea bytecode(%rip), %rsi
    dispatch
set_one:                    /* accumulator = 1, counter = 5 */
    mov $1, %ebx
    mov $5, %ecx
    dispatch
multiply:
    imul %ecx, %ebx
    dispatch
decrement:
    dec %ecx
    dispatch
repeat:                     /* back to the second byte unless the counter is 1 */
    cmp $1, %ecx
    je 1f
    lea bytecode+1(%rip), %rsi
1:  dispatch
halt:
    exit %ebx               /* 120 */
.section .rodata
.balign 8
handlers: .quad set_one, multiply, decrement, repeat, halt
bytecode: .byte 0, 1, 2, 3, 4
