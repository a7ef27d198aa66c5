/*
 * LOOP, LOOPE, LOOPNE and JRCXZ. A LOOP that jumps to itself retires each time, though RIP stays
 * where it is: it is no `rep`.
 * retired: 1 + 5 + 2 + 1 + 3*2 + 2 + 4*3 + 2 + 2*3 + 2 + 6 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $5, %ecx
itself:
    loop itself
    jrcxz empty             /* taken */
    ud2
empty:
    jecxz also_empty        /* taken */
    ud2
also_empty:
    mov $3, %ecx
counted:
    nop
    loop counted

    xor %eax, %eax
    mov $9, %ecx
until_equal:                /* the fourth round ends it: 4 = 4 */
    inc %eax
    cmp $4, %eax
    loopne until_equal

    xor %eax, %eax
    mov $9, %ecx
while_equal:                /* the second round ends it */
    test %eax, %eax
    lea 1(%eax), %eax
    loope while_equal

    mov $0, %eax
    mov $6, %ecx
address_size:
    .byte 0x67, 0xe2, 0xfd  /* LOOP to itself, on ECX */
    exit %eax
