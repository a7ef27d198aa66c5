/*
 * A `rep` that runs off the end of the last page: it never retires, so it is not counted.
 * retired: 3
 */
#include "common.inc"
.globl _start
_start:
    lea last_page+4000(%rip), %rdi
    mov $0x11, %eax
    mov $1000, %ecx
    rep stosb
    exit $0
.bss
.balign 4096
last_page:  .skip 4096
