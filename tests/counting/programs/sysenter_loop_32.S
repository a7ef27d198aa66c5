/*
 * Ten times getpid by SYSENTER. Linux comes back not behind the SYSENTER but in the vDSO, whose
 * code pops EBP, EDX and ECX and returns to our caller: four instructions that count.
 * retired: 1 + 10*(2 + 4 + 1 + 4 + 2) + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $10, %esi
round:
    mov $20, %eax
    call system_call
    dec %esi
    jnz round
    exit $42
system_call:
    push %ecx
    push %edx
    push %ebp
    mov %esp, %ebp
    sysenter
    hlt                     /* nobody comes here */
