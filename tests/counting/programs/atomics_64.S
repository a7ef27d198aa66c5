/*
 * LOCKed instructions, and a compare-and-swap loop whose first try always fails.
 * retired: 6 + 10*(2 + 2*4 + 2) + 2 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $1, %eax
    lock incl counter(%rip)
    lock xadd %eax, counter(%rip)   /* counter 2, EAX 1 */
    xchg %eax, other(%rip)
    lock btsl $4, other(%rip)       /* 17 */
    mov $10, %ecx
round:
    mov $-1, %eax                   /* a wrong guess */
    nop
swap:
    mov %eax, %edx
    inc %edx
    lock cmpxchg %edx, counter(%rip)
    jne swap                        /* EAX now holds the right one */
    dec %ecx
    jnz round
    mov counter(%rip), %ebx
    add other(%rip), %ebx
    exit %ebx                       /* 12 + 17 = 29 */
.bss
counter: .skip 4
other:   .skip 4
