/*
 * exit(42) by a software interrupt: the oldest way into Linux, in a 32-bit program without libc.
 *
 * `int $0x80` looks up gate 0x80 of the IDT. The gate says "ring 3 may" (its DPL is 3), names the
 * kernel's code segment and its entry point; the stack to switch to stands in the TSS.
 */
.globl _start
_start:                         /* ring 3, CS = 0x23; the kernel has put argc at (%esp) */
    mov $1, %eax                /* which call: exit is number 1 in the i386 table */
    mov $42, %ebx               /* its first argument */
    int $0x80                   /* who runs next: the kernel's entry for vector 0x80, in ring 0 and 64-bit
                                   code, on its own stack; the processor has pushed SS, RSP, RFLAGS,
                                   CS and RIP there */
    hlt                         /* nobody: exit does not return. If it did, HLT would fault in ring 3 */
