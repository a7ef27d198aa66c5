/*
 * REP with the direction flag set: an overlapping copy, upwards by walking down.
 * retired: 5 + 4 + 3
 */
#include "common.inc"
.globl _start
_start:
    lea text+9(%rip), %rsi
    lea text+12(%rip), %rdi
    mov $10, %ecx
    std
    rep movsb               /* "0123456789" moves up by three */
    mov $0, %ecx
    rep stosb
    cld
    movzbl text+12(%rip), %eax
    exit %eax               /* '9' = 57 */
.data
text:   .ascii "0123456789..."
