/*
 * One system call writes to a new page of the program, one to no page at all: the faults are the
 * kernel's, and no instruction of the user's runs again.
 * retired: 3 + 2 + 3 + 2 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $63, %eax           /* uname(page) */
    lea page(%rip), %rdi
    syscall
    mov page(%rip), %edx    /* "Linu" */
    shr $24, %edx
    mov $63, %eax
    xor %edi, %edi          /* uname(NULL) */
    syscall
    add %edx, %eax
    nop
    exit %eax               /* 'u' - EFAULT = 117 - 14 = 103 */
.bss
.balign 4096
page: .skip 4096
