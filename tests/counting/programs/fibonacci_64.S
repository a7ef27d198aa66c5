/*
 * fib(15) by the textbook: 1973 calls, of which 987 are leaves.
 * retired: 2 + 987*5 + 986*15 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $15, %edi
    call fib
    exit %eax               /* 610 & 255 = 98 */
fib:                        /* leaf: 5 */
    mov %edi, %eax
    cmp $2, %edi
    jb small
    push %rbx               /* inner node: 3 + 12 */
    mov %edi, %ebx
    lea -1(%rbx), %edi
    call fib
    push %rax
    lea -2(%rbx), %edi
    call fib
    pop %rdx
    add %edx, %eax
    pop %rbx
    nop
    ret
small:
    nop
    ret
