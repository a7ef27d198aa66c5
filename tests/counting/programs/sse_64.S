/*
 * SSE and SSE2: moves, packed and scalar arithmetic, conversions, comparisons.
 * retired: 3 + 16*7 + 6 + 3
 */
#include "common.inc"
.globl _start
_start:
    movaps ones(%rip), %xmm1
    pxor %xmm0, %xmm0
    mov $16, %ecx
round:
    addps %xmm1, %xmm0
    movups %xmm0, %xmm2
    mulps %xmm1, %xmm2
    shufps $0x1b, %xmm2, %xmm2
    subps %xmm3, %xmm3
    dec %ecx
    jnz round
    cvttss2si %xmm0, %eax   /* 16 */
    cvtsi2sd %eax, %xmm4
    sqrtsd %xmm4, %xmm4     /* 4 */
    cvttsd2si %xmm4, %edx
    ucomiss %xmm1, %xmm0
    lea (%rax,%rdx), %ebx
    exit %ebx               /* 20 */
.section .rodata
.balign 16
ones: .float 1, 1, 1, 1
