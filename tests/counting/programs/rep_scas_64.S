/*
 * REPNE SCASB as strlen, REPE SCASB past leading blanks, and counts of 0, 1 and 100 that never
 * match.
 * retired: 4 + 4 + 3*2 + 1 + 3
 */
#include "common.inc"
.globl _start
_start:
    xor %eax, %eax
    lea text(%rip), %rdi
    mov $-1, %rcx
    repne scasb             /* stops behind the NUL: RCX = -1 - 6 - 1 */

    lea text(%rip), %rdi
    mov $' ', %al
    mov $100, %ecx
    repe scasb              /* stops behind the `f`: 4 looked at */

    mov $0, %ecx
    repne scasb
    mov $1, %ecx
    repne scasb             /* an `i` is no blank */
    mov $100, %ecx
    repne scasb             /* nor is anything in the zeros */
    sub $text, %edi
    exit %edi               /* 4 + 1 + 100 = 105 */
.data
text:   .asciz "   fin"
        .skip 200
