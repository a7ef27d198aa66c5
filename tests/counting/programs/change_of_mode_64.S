/*
 * From 64-bit code into 32-bit code by a far return and back by a far jump: one program, two modes.
 * The byte 48 is DEC EAX in 32-bit code and a prefix in 64-bit code.
 * retired: 3 + 10*(3 + 6 + 4) + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $10, %ecx
    mov $30, %eax
    lea stack_end(%rip), %rsp   /* below 4 GiB, for 32-bit code to push to */
round:
    pushq $0x23
    pushq $narrow
    lretq
wide:
    .byte 0x48, 0xff, 0xc0  /* inc %rax: one instruction */
    nop
    dec %ecx
    jnz round
    exit %eax               /* 30 + 10*(1 - 1) */

.code32
narrow:
    .byte 0x48, 0xff, 0xc0  /* dec %eax; inc %eax: two */
    dec %eax
    push %eax
    pop %eax
    ljmp $0x33, $wide
.bss
    .skip 256
stack_end:
