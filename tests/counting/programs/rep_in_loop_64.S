/*
 * A `rep` that is executed again and again, is jumped to, follows another `rep`, or stands alone in
 * its loop. A step that leaves RIP on the `rep` is an iteration; coming back to it is not.
 * retired: 1 + 20*6 + 3 + 1 + 3 + 5*2 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $20, %ebx
again:
    lea area(%rip), %rdi
    mov %ebx, %ecx
    rep stosb
    rep stosb               /* RCX = 0 */
    dec %ebx
    jnz again

    lea area(%rip), %rdi
    mov $10, %ecx
    jmp directly
    ud2
directly:
    rep stosb

    lea area(%rip), %rsi
    mov %rsi, %rdi
    mov $10, %ecx
alone:                      /* equal bytes end a REPNE after one iteration: RCX = 9, 7, 5, 3, 1 */
    repne cmpsb
    loop alone              /* RCX = 8, 6, 4, 2, 0 */
    exit %ecx
.bss
area: .skip 64
