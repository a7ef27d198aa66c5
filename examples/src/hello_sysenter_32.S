/*
 * hello, world by SYSENTER: this time with a way back.
 *
 * The processor has not saved where SYSENTER stood, and Linux does not ask: it always returns to one place,
 * the landing pad in the vDSO, a page of code that the kernel maps into every program. There stands
 *     pop %ebp; pop %edx; pop %ecx; ret
 * which takes off the stack what the caller has pushed. Hence SYSENTER sits in a function of its own.
 */
.equ WRITE, 4                   /* numbers of the i386 table */
.equ EXIT, 1
.globl _start
_start:
    mov $WRITE, %eax
    mov $1, %ebx                /* standard output */
    mov $text, %ecx
    mov $text_size, %edx
    call enter_kernel

    mov $EXIT, %eax
    xor %ebx, %ebx
    call enter_kernel
    hlt

enter_kernel:                   /* (%esp): where to go on */
    push %ecx
    push %edx
    push %ebp
    mov %esp, %ebp
    sysenter                    /* who runs next: the kernel; then the landing pad, in ring 3; then our
                                   caller, by the landing pad's RET */
    hlt                         /* nobody: the way back does not lead here */

.section .rodata
text:
    .ascii "hello, world by sysenter\n"
    text_size = . - text
