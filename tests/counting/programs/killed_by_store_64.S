/*
 * A store to the program's own text.
 * retired: 4
 */
#include "common.inc"
.globl _start
_start:
    nop
    lea _start(%rip), %rbx
    mov (%rbx), %eax
    nop
    mov %eax, (%rbx)
    exit $0
