/*
 * The string instructions without `rep`: one instruction each, once.
 * retired: 3 + 10*5 + 5 + 3
 */
#include "common.inc"
.globl _start
_start:
    lea text(%rip), %rsi
    lea upper(%rip), %rdi
    mov $10, %edx
letter:
    lodsb
    sub $0x20, %al
    stosb
    dec %edx
    jnz letter
    lea upper(%rip), %rdi
    scasb
    cmpsb
    movsb
    movzbl upper(%rip), %eax
    exit %eax               /* 'R' = 82 */
.data
text:   .ascii "ringscope!"
upper:  .skip 16
