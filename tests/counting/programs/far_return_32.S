/*
 * `push %cs` and a far return, a far call, a far jump and IRET, all to the same code segment.
 * retired: 1 + 10*(3 + 2 + 1 + 4 + 2) + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $10, %ecx
round:
    push %cs
    push $1f
    lret
    ud2
1:  lcall $0x23, $far       /* and its LRET */
    ljmp $0x23, $2f
    ud2
2:  push $0x202
    push %cs
    push $3f
    iret
    ud2
3:  dec %ecx
    jnz round
    exit $0
far:
    lret
