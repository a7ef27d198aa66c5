/*
 * hello, world by `int $0x80` from 32-bit code: arguments in EBX, ECX, EDX, ESI, EDI, EBP.
 */
.equ WRITE, 4                   /* numbers of the i386 table */
.equ EXIT, 1
.globl _start
_start:
    mov $WRITE, %eax
    mov $1, %ebx                /* standard output */
    mov $text, %ecx
    mov $text_size, %edx
    int $0x80                   /* who runs next: the kernel in ring 0, on its own stack; it returns by IRET,
                                   with the result in EAX and every other register as it was */
    mov $EXIT, %eax
    xor %ebx, %ebx
    int $0x80                   /* who runs next: the kernel, for good */
    hlt

.section .rodata
text:
    .ascii "hello, world by int 0x80\n"
    text_size = . - text
