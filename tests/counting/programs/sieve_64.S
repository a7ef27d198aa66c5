/*
 * The sieve of Eratosthenes up to 1000: 11 of the 30 possible factors are prime, and 1409 times a
 * number is struck.
 * retired: 1 + 30*5 + 11*2 + 1409*4 + 2 + 998*5 + 3
 */
#include "common.inc"
.globl _start
.equ LIMIT, 1000
_start:
    mov $2, %esi
factor:                                 /* 30 rounds of 5, 11 of them with 2 more */
    cmpb $0, composite(%rsi)
    jne next
    mov %esi, %edi
    imul %edi, %edi
strike:                                 /* 4 each */
    movb $1, composite(%rdi)
    add %esi, %edi
    cmp $LIMIT, %edi
    jb strike
next:
    inc %esi
    cmp $31, %esi
    jbe factor

    xor %eax, %eax
    mov $2, %esi
tell:                                   /* 998 rounds of 5 */
    cmpb $1, composite(%rsi)
    adc $0, %eax                        /* a borrow: not struck */
    inc %esi
    cmp $LIMIT, %esi
    jb tell
    exit %eax                           /* 168 primes */
.bss
composite: .skip LIMIT
