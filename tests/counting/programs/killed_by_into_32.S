/*
 * INTO goes by as long as there is no overflow; with one it traps, and so retires and counts.
 * retired: 6 + 1
 */
#include "common.inc"
.globl _start
_start:
    mov $1, %eax
    add $1, %eax
    into
    mov $0x7fffffff, %eax
    nop
    add $1, %eax
    into
    exit $0
