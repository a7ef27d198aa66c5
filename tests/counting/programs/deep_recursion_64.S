/*
 * 5000 calls deep with frames of 80 bytes: a hundred pages of stack, each first touched by a CALL.
 * retired: 2 + 5000*8 + 4 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $5000, %edi
    call depth
    exit %eax               /* 5000 & 255 = 136 */
depth:
    test %edi, %edi         /* 1 */
    jz bottom               /* 2 */
    sub $72, %rsp           /* 3 */
    dec %edi                /* 4 */
    call depth              /* 5 */
    add $1, %eax            /* 6 */
    add $72, %rsp           /* 7 */
    ret                     /* 8 */
bottom:
    xor %eax, %eax
    ret
