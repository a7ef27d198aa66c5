/*
 * A jump to where nothing is: the jump itself retires, the fetch behind it faults.
 * retired: 3
 */
#include "common.inc"
.globl _start
_start:
    nop
    mov $0xdead000, %eax
    jmp *%rax
