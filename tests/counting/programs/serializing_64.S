/*
 * CPUID, RDTSC, PAUSE and the fences: nothing follows from what they return.
 * retired: 1 + 10*10 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $10, %esi
round:
    xor %eax, %eax
    cpuid
    rdtsc
    pause
    mfence
    lfence
    sfence
    prefetcht0 _start(%rip)
    dec %esi
    jnz round
    exit $0
