/*
 * The x87 stack: loads, arithmetic, an exchange, a store; and FWAIT, which is an instruction of
 * its own.
 * retired: 2 + 8 + 1 + 1 + 3
 */
#include "common.inc"
.globl _start
_start:
    finit                   /* FWAIT and FNINIT: two */
    fldpi
    fld1
    fldl three(%rip)
    fxch %st(1)
    faddp
    fmulp
    fsqrt
    fistpl result(%rip)     /* sqrt(4 pi) = 3.54 */
    fwait
    mov result(%rip), %ebx
    exit %ebx               /* 4 */
.section .rodata
.balign 8
three: .double 3
.bss
result: .skip 4
