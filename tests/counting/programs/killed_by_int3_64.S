/*
 * INT3 is a trap: it retires, and so it counts.
 * retired: 2 + 1
 */
#include "common.inc"
.globl _start
_start:
    nop
    nop
    int3
    exit $0
