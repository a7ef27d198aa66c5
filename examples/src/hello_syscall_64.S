/*
 * hello, world by SYSCALL: arguments in RDI, RSI, RDX, R10, R8, R9.
 *
 * The fourth is in R10 and not, as in a function call, in RCX: SYSCALL itself puts the return address there,
 * and the flags into R11.
 */
.equ WRITE, 1                   /* numbers of the x86_64 table */
.equ EXIT, 60
.globl _start
_start:                         /* ring 3, CS = 0x33 */
    mov $WRITE, %eax
    mov $1, %edi                /* standard output */
    lea text(%rip), %rsi
    mov $text_size, %edx
    syscall                     /* who runs next: the kernel at LSTAR, in ring 0, still on this stack; it
                                   returns by SYSRET, with the result in RAX */
    mov $EXIT, %eax
    xor %edi, %edi
    syscall                     /* who runs next: the kernel, for good */
    hlt

.section .rodata
text:
    .ascii "hello, world by syscall\n"
    text_size = . - text
