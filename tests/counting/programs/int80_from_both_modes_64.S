/*
 * One program, both modes, and in both `int $0x80`: the same table answers, the frame is the same.
 * retired: 2 + 4 + 5 + 2
 */
.globl _start
_start:
    mov $20, %eax
    int $0x80
    mov %eax, %esi
    pushq $0x23
    pushq $narrow
    lretq
wide:
    mov $1, %eax
    int $0x80
.code32
narrow:
    mov $20, %eax
    int $0x80
    sub %eax, %esi
    mov %esi, %ebx          /* 0: the same process answered */
    ljmp $0x33, $wide
