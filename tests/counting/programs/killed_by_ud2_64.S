/*
 * UD2 in the middle of a block: a fault, so not counted.
 * retired: 3
 */
#include "common.inc"
.globl _start
_start:
    nop
    nop
    nop
    ud2
    nop
    exit $0
