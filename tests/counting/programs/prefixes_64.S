/*
 * The bytes F3 and F2 in front of what is no string instruction: they belong to it, and repeat
 * nothing. The last one stands where it jumps to.
 * retired: 3 + 6 + 2 + 1 + 5 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $5, %ecx
    mov $0xff, %edx
    xor %eax, %eax
    endbr64
    popcnt %edx, %eax
    movss number(%rip), %xmm0
    movsd number(%rip), %xmm1
    cvtss2sd %xmm0, %xmm1
    pause
    .byte 0xf3, 0x90, 0xf3, 0x66, 0x90      /* PAUSE, and again with 66 */
    nop
itself:
    .byte 0xf3, 0xe2, 0xfd  /* rep loop itself */
    exit %eax               /* 8 */
.section .rodata
.balign 8
number: .double 1
