/*
 * Far returns and IRET that stay in ring 3: the same selector, pushed and popped again.
 * retired: 1 + 10*(4 + 8 + 3) + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $10, %ecx
round:
    mov %cs, %eax
    push %rax
    push $1f
    lretq
    ud2
1:  mov %ss, %edx
    mov %rsp, %rbx
    push %rdx
    push %rbx
    push $0x202
    push %rax
    push $2f
    iretq
    ud2
2:  nop
    dec %ecx
    jnz round
    exit $0
