/*
 * The stack grows by pushes: 20000 of them are 40 pages, each of which faults in the middle of a
 * block. Then one push a megabyte lower.
 * retired: 2 + 20000*3 + 3 + 1 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov %rsp, %rbp
    mov $20000, %ecx
fill:
    push %rcx
    dec %ecx
    jnz fill
    sub $0x100000, %rsp
    push %rcx
    pop %rdx
    mov %rbp, %rsp
    exit %edx
