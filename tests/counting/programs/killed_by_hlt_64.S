/*
 * HLT is for ring 0 only: #GP, a fault.
 * retired: 2
 */
#include "common.inc"
.globl _start
_start:
    nop
    nop
    hlt
    exit $0
