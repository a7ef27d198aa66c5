/*
 * A load of SS holds interrupts and traps back until the next instruction is done; both count.
 * retired: 2 + 10*7 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov %ss, %eax
    mov $10, %ecx
round:
    mov %eax, %ss
    nop
    mov %eax, %ss
    jmp 1f
1:  mov %ss, %eax
    dec %ecx
    jnz round
    exit $0
