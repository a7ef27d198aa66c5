/*
 * Code made at run time, on a page that is never writable and executable at once: mprotect turns
 * it to and fro.
 * retired: 8 + 2 + 20*(5 + 2 + 5 + 1 + 3 + 3) + 3
 */
#include "common.inc"
.macro protect flags
    mov $10, %eax           /* mprotect(page, 4096, flags) */
    mov %rbx, %rdi
    mov $4096, %esi
    mov \flags, %edx
    syscall
.endm
.globl _start
_start:
    mov $9, %eax            /* mmap(0, 4096, PROT_READ|WRITE, MAP_PRIVATE|ANONYMOUS, -1, 0) */
    xor %edi, %edi
    mov $4096, %esi
    mov $3, %edx
    mov $0x22, %r10d
    mov $-1, %r8
    xor %r9d, %r9d
    syscall
    mov %rax, %rbx
    mov $20, %ebp
round:
    protect $3
    movl $0xc300c083, (%rbx)    /* add $N, %eax; ret, with N still 0 */
    mov %bpl, 2(%rbx)
    protect $5
    mov %r12d, %eax
    call *%rbx
    mov %eax, %r12d
    dec %ebp
    jnz round
    exit %r12d              /* 20 + 19 + ... + 1 = 210 */
