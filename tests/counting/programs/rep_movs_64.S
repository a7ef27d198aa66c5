/*
 * REP MOVS with counts 0, 1 and 100, in all four sizes: each is one instruction, whatever RCX
 * holds.
 * retired: 2*2 + 12*2 + 3 + 3
 */
#include "common.inc"
.macro copy instruction count
    mov $\count, %ecx
    rep \instruction
.endm
.globl _start
_start:
    lea source(%rip), %rsi
    lea target(%rip), %rdi
    copy movsb 0
    copy movsb 1
    copy movsb 100
    copy movsw 0
    copy movsw 1
    copy movsw 100
    lea source(%rip), %rsi
    lea target(%rip), %rdi
    copy movsl 0
    copy movsl 1
    copy movsl 100
    copy movsq 0
    copy movsq 1
    copy movsq 100
    lea source(%rip), %rax
    sub %rax, %rsi          /* 101*4 + 101*8 = 1212 */
    shr $3, %esi            /* 151 */
    exit %esi
.bss
source: .skip 2048
target: .skip 2048
