/*
 * POPF loads flags that are read back by other means; the direction flag turns a string round.
 * retired: 4 + 4 + 5 + 4 + 3
 */
#include "common.inc"
.globl _start
_start:
    push $0x0c7             /* CF PF ZF SF */
    popf
    setc %al
    setz %bl

    push $0x602             /* DF, IF */
    popf
    lea text+1(%rip), %rsi
    lodsb                   /* 'b' */

    cld
    lodsb                   /* 'a' */
    movzbl %bl, %ebx
    movzbl %al, %eax
    add %eax, %ebx

    sahf
    lahf
    clc
    cmc
    exit %ebx               /* 1 + 97 = 98 */
.section .rodata
text: .ascii "ab"
