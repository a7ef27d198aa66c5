/*
 * The `rep` family in 32-bit code, counts 0, 1 and 100, with faults on the way.
 * retired: 3 + 3*2 + 4 + 2 + 4 + 4 + 3
 */
#include "common.inc"
.globl _start
_start:
    cld
    mov $target, %edi
    mov $0x2a2a2a2a, %eax
    mov $0, %ecx
    rep stosl
    mov $1, %ecx
    rep stosb
    mov $2000, %ecx
    rep stosl               /* 8001 bytes: three new pages */

    mov $target, %esi
    mov $copy+4090, %edi
    mov $100, %ecx
    rep movsb               /* two new pages */
    mov $1, %ecx
    rep movsl

    mov $target, %edi
    xor %eax, %eax
    mov $-1, %ecx
    repne scasb             /* to the first 0 */

    mov $target, %esi
    mov $copy+4090, %edi
    mov $500, %ecx
    repe cmpsb              /* differs at byte 104: 500 - 105 are left */
    exit %ecx               /* 395 & 255 = 139 */
.bss
.balign 4096
target: .skip 12288
copy:   .skip 12288
