/*
 * The same five bytes decoded at three offsets in turn: `add $0x40404040, %eax`, then four and
 * then two times `inc %eax`.
 * retired: 3 + (1 + 5) + (4 + 5) + (2 + 4) + 3
 */
#include "common.inc"
.globl _start
_start:
    xor %eax, %eax
    mov $1, %ecx
    mov $bytes, %edx
bytes:
    .byte 0x05, 0x40, 0x40, 0x40, 0x40
    add %ecx, %edx          /* EDX = bytes + 1, bytes + 3, the end */
    inc %ecx
    cmp $bytes + 3, %edx
    ja end
    jmp *%edx
end:
    exit %eax               /* 0x40404046: 70 */
