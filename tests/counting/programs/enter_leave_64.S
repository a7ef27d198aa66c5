/*
 * ENTER with nesting levels, LEAVE, and a frame-pointer chain.
 * retired: 1 + 10*(2 + 6) + 2 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $10, %ecx
round:
    call framed             /* 1 + 5 there */
    dec %ecx
    jnz round
    nop
    mov %ecx, %edx
    exit %edx
framed:
    enter $32, $0
    enter $16, $2
    leave
    leave
    ret
