/*
 * No branch, no memory: the simplest block that can be counted.
 * retired: 10 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $7, %eax
    mov $5, %ebx
    add %ebx, %eax
    imul $3, %eax, %eax
    sub $1, %eax
    xor %ecx, %ecx
    lea 7(%rax,%rcx,2), %rdx
    nop
    not %rdx
    not %rdx
    exit %edx               /* (7+5)*3 - 1 + 7 = 42 */
