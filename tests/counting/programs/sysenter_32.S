/*
 * exit(42) by SYSENTER, with the stack as Linux wants it: ECX, EDX, EBP pushed, EBP = ESP.
 * retired: 2 + 4 + 1
 */
.globl _start
_start:
    mov $1, %eax
    mov $42, %ebx
    push %ecx
    push %edx
    push %ebp
    mov %esp, %ebp
    sysenter
