/*
 * INT 0x20: its gate is not for ring 3, so it faults and does not retire.
 * retired: 2
 */
#include "common.inc"
.globl _start
_start:
    nop
    nop
    int $0x20
    exit $0
