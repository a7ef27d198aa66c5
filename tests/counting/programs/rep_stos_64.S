/*
 * REP STOS and REP LODS with counts 0, 1 and 100. LODS leaves the last element in AL.
 * retired: 2 + 9*2 + 1 + 3*2 + 3
 */
#include "common.inc"
.macro fill instruction count
    mov $\count, %ecx
    rep \instruction
.endm
.globl _start
_start:
    lea area(%rip), %rdi
    mov $0x2a, %eax
    fill stosb 0
    fill stosb 1
    fill stosb 100
    fill stosw 0
    fill stosl 1
    fill stosl 100
    fill stosq 0
    fill stosq 1
    fill stosq 100
    lea area(%rip), %rsi
    fill lodsb 0
    fill lodsb 1
    fill lodsb 100
    exit %eax
.bss
area: .skip 2048
