/*
 * A jump into the middle of an instruction: the same bytes are one instruction, or two.
 * retired: 2 + 3 + 2 + 2 + 2 + 3
 */
#include "common.inc"
.globl _start
_start:
    xor %eax, %eax
    xor %ecx, %ecx
    mov $0x9001c083, %edx   /* its operand reads `add $1, %eax; nop` */
    inside = . - 4
    test %ecx, %ecx
    jnz end
    inc %ecx
    jmp inside
end:
    exit %eax               /* 1 */
