/*
 * POP SS and MOV SS in 32-bit code; what follows the MOV SS is a store, the first time to a new
 * page.
 * retired: 1 + 10*9 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $10, %ecx
round:
    push %ss
    pop %ss
    inc %edx
    mov %ss, %eax
    mov %eax, %ss
    mov %ecx, area(%edx)
    nop
    dec %ecx
    jnz round
    exit %edx
.bss
.balign 4096
area: .skip 4096
