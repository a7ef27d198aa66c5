/*
 * One load and one store in the middle of a loop's block: in the first pass each faults every
 * time, in the second never.
 * retired: 2 + 2*(1 + 32*7 + 2) + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $2, %ebx
    xor %eax, %eax
pass:
    lea area(%rip), %rsi
page:
    add $1, %eax
    mov (%rsi), %rdx
    add $2, %eax
    mov %rax, 4096(%rsi)
    add $8192, %rsi
    cmp $area+32*8192, %rsi
    jb page
    dec %ebx
    jnz pass
    exit %eax               /* 192 */
.bss
.balign 4096
area: .skip 32*8192
