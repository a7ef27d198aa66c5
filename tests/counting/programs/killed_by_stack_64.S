/*
 * A push where no stack can be.
 * retired: 2
 */
#include "common.inc"
.globl _start
_start:
    nop
    mov $0x1000, %esp
    push %rax
    exit $0
