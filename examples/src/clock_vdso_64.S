/*
 * Asks for the time 1,000 times by the vDSO, so never enters the kernel for it: one of four programs
 * that do the same work in four ways. `ringscope compare` puts them side by side.
 *
 * Before that it does what libc does at its start: it finds the image by the auxiliary vector, and in
 * the image's dynamic symbols the function.
 */
.equ EXIT, 60                   /* of the x86_64 table */
.equ CLOCK_MONOTONIC, 1
.equ AT_SYSINFO_EHDR, 33        /* getauxval(3) */
.equ E_PHOFF, 32                /* offsets in an ELF header and in a program header, elf(5) */
.equ P_VADDR, 16
.equ PHDR_SIZE, 56
.equ PT_DYNAMIC, 2
.equ DT_STRTAB, 5
.equ DT_SYMTAB, 6
.equ ST_VALUE, 8
.equ SYM_SIZE, 24
.globl _start
_start:
    mov (%rsp), %rax            /* argc; behind it argv, NULL, envp, NULL, and the auxiliary vector */
    lea 16(%rsp,%rax,8), %rsi
environment:
    lodsq
    test %rax, %rax
    jnz environment
auxiliary:
    lodsq
    mov %rax, %rdx
    lodsq
    test %rdx, %rdx
    jz failed                   /* AT_NULL: nobody told us of a vDSO */
    cmp $AT_SYSINFO_EHDR, %rdx
    jne auxiliary
    mov %rax, %rbx              /* rbx: where the image begins, and what is added to its addresses */

    mov %rbx, %rsi
    add E_PHOFF(%rbx), %rsi
segment:
    cmpl $PT_DYNAMIC, (%rsi)
    je dynamic
    add $PHDR_SIZE, %rsi
    jmp segment
dynamic:
    mov P_VADDR(%rsi), %rsi
    add %rbx, %rsi
entry:
    lodsq
    mov %rax, %rdx
    lodsq
    cmp $DT_STRTAB, %rdx
    cmove %rax, %r8
    cmp $DT_SYMTAB, %rdx
    cmove %rax, %r9
    test %rdx, %rdx
    jnz entry
    add %rbx, %r8               /* r8: names, r9: symbols */
    add %rbx, %r9

symbol:
    add $SYM_SIZE, %r9          /* the first stands for none */
    mov (%r9), %edi
    add %r8, %rdi
    mov $name, %esi
    mov $name_size, %ecx
    repe cmpsb
    jne symbol
    add ST_VALUE(%r9), %rbx     /* rbx: the function */

    mov $1000, %ebp
again:
    mov $CLOCK_MONOTONIC, %edi
    mov $time, %esi
    call *%rbx                  /* who runs next: the vDSO, in ring 3 as we are */
    dec %ebp
    jnz again

    xor %edi, %edi
    jmp exit
failed:
    mov $1, %edi
exit:
    mov $EXIT, %eax
    syscall                     /* who runs next: the kernel, for good */
    hlt

.section .rodata
name:
    .asciz "__vdso_clock_gettime"
    name_size = . - name

.bss
time:
    .skip 16
