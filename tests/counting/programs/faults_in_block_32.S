/*
 * One block of 32-bit code whose instructions touch new pages, with a PUSHA over two of them.
 * retired: 13 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $1, %eax
    mov loaded, %ebx
    mov %eax, loaded
    add %eax, modified
    mov $straddled+4094, %esi
    mov %esi, (%esi)
    mov %esp, %ebp
    mov $stack+4096+16, %esp
    pusha                   /* 32 bytes: half on one new page, half on another */
    popa
    mov %ebp, %esp
    incl loaded
    mov loaded, %edx
    exit %edx               /* 2 */
.bss
.balign 4096
loaded:     .skip 4096
modified:   .skip 4096
straddled:  .skip 8192
stack:      .skip 8192
