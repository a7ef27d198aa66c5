/*
 * hello, world by `int $0x80` from 64-bit code: possible, and full of traps for the unwary.
 *
 * Linux answers from the i386 table and takes the low 32 bits of each register: the numbers are
 * those of 32-bit programs, and the text must lie below 4 GiB. It does, because this program is
 * linked at a fixed low address; in a position-independent one, or on the stack, write would
 * answer EFAULT.
 */
.equ WRITE, 4                   /* numbers of the i386 table, in 64-bit code */
.equ EXIT, 1
.globl _start
_start:                         /* ring 3, CS = 0x33: a 64-bit code segment */
    mov $WRITE, %eax
    mov $1, %ebx                /* standard output */
    mov $text, %ecx             /* an address of 32 bits */
    mov $text_size, %edx
    int $0x80                   /* who runs next: the same entry as from 32-bit code; the frame on the
                                   kernel's stack tells them apart by CS */
    mov $EXIT, %eax
    xor %ebx, %ebx
    int $0x80                   /* who runs next: the kernel, for good */
    hlt

.section .rodata
text:
    .ascii "hello, world by int 0x80 from 64-bit code\n"
    text_size = . - text
