/*
 * brk gives three pages and stores walk over them; then two are given back, and one of these is
 * touched.
 * retired: 4 + 4 + 3*4 + 4
 */
#include "common.inc"
.globl _start
_start:
    mov $12, %eax           /* brk(0) */
    xor %edi, %edi
    syscall
    mov %rax, %rbx
    mov $12, %eax
    lea 12288(%rbx), %rdi
    syscall
    mov %rax, %rcx
touch:
    movb $1, -1(%rcx)
    sub $4096, %rcx
    cmp %rbx, %rcx
    ja touch
    mov $12, %eax
    lea 4096(%rbx), %rdi
    syscall
    incb 4095(%rbx)
    mov 8191(%rbx), %al     /* SIGSEGV */
    exit $0
