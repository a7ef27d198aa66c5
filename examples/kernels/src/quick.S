/* quick.S - a kernel with a way in of its own for each mechanism, each as short as it can be.
 *
 *   syscall_entry  SYSCALL of 64-bit programs: a save area below the stack's top, SYSRET
 *   int80_entry    int $0x80 of 32-bit programs: arguments cut to 32 bits, IRET
 *   timer_entry    an interrupt: SWAPGS only where CS says that ring 3 was left
 *   nmi_entry      comes anywhere, so GS_BASE itself decides ("paranoid")
 *   fault_entry    whatever else: stop
 *
 * Functions keep RBX RBP R12-R15, as the ABI says, so the entries save only the others.
 * Built with BUG_... defined, it has that bug; the tests beside it find each.
 */
        .set    CPU_STACK, 0            /* %gs:... : top of the kernel stack */
        .set    CPU_USER_RSP, 8
        .set    CPU_TICKS, 16
        .set    CPU_NMIS, 24

        .set    MSR_GS_BASE, 0xc0000101
        .set    CALLS, 3

        /* the save area of a system call */
        .set    SAVED_RIP, 0
        .set    SAVED_RFLAGS, 8
        .set    SAVED_RDI, 16
        .set    SAVED_RSI, 24
        .set    SAVED_RDX, 32
        .set    SAVED_R8, 40
        .set    SAVED_R9, 48
        .set    SAVED_R10, 56
        .set    SAVED_RSP, 64
        .set    SAVE_SIZE, 80

        .text
        .code64

/* Ring 0; the stack and GS are the user's; RCX = its RIP, R11 = its RFLAGS; IF = 0 by FMASK. */
        .globl  syscall_entry
syscall_entry:
        swapgs
        mov     %rsp, %gs:CPU_USER_RSP
        mov     %gs:CPU_STACK, %rsp
        sub     $SAVE_SIZE, %rsp
        mov     %rcx, SAVED_RIP(%rsp)
        mov     %r11, SAVED_RFLAGS(%rsp)
        mov     %rdi, SAVED_RDI(%rsp)
        mov     %rsi, SAVED_RSI(%rsp)
        mov     %rdx, SAVED_RDX(%rsp)
        mov     %r8, SAVED_R8(%rsp)
        mov     %r9, SAVED_R9(%rsp)
        mov     %r10, SAVED_R10(%rsp)
        mov     %gs:CPU_USER_RSP, %rcx
        mov     %rcx, SAVED_RSP(%rsp)
        sti                             /* our own stack and GS: interrupts may come */
        call    dispatch
        cli
        mov     SAVED_RIP(%rsp), %rcx
        mov     %rcx, %r11              /* SYSRET to an address that is not canonical */
        shl     $16, %r11               /* would fault in ring 0: such a program is stopped */
        sar     $16, %r11
        cmp     %rcx, %r11
        jne     fault_entry
        mov     SAVED_RFLAGS(%rsp), %r11
        mov     SAVED_RDI(%rsp), %rdi
        mov     SAVED_RSI(%rsp), %rsi
        .ifndef BUG_LEAK
        mov     SAVED_RDX(%rsp), %rdx
        .endif
        mov     SAVED_R8(%rsp), %r8
        mov     SAVED_R9(%rsp), %r9
        mov     SAVED_R10(%rsp), %r10
        mov     SAVED_RSP(%rsp), %rsp
        swapgs
        sysretq

/* Ring 0, the stack of RSP0 with the CPU's frame on it, GS the user's, IF = 0. */
        .globl  int80_entry
int80_entry:
        .ifndef BUG_SWAPGS
        swapgs
        .endif
        cld
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        mov     %eax, %eax              /* the upper halves are nobody's */
        mov     %ebx, %edi
        mov     %ecx, %esi
        incq    %gs:CPU_TICKS
        call    dispatch
        .ifdef  BUG_STACK
        cmp     $-1, %rax               /* an early way out that forgets one */
        je      1f
        .endif
        pop     %r11
1:      pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        .ifndef BUG_SWAPGS
        swapgs
        .endif
        iretq

/* dispatch: RAX = the number, RDI RSI = arguments; the result in RAX. */
        .globl  dispatch
dispatch:
        cmp     $CALLS, %rax
        jae     1f
        lea     calls(%rip), %rdx
        jmp     *(%rdx, %rax, 8)
1:      mov     $-1, %rax
        ret
zero:   xor     %eax, %eax
        ret
add:    lea     (%rdi, %rsi), %rax
        ret
ticks:  mov     %gs:CPU_TICKS, %rax
        ret

/* The timer: from ring 3 GS is the user's, from ring 0 it is ours (interrupts are on only then). */
        .globl  timer_entry
timer_entry:
        testb   $3, 8(%rsp)
        jz      1f
        swapgs
1:      incq    %gs:CPU_TICKS
        testb   $3, 8(%rsp)
        jz      2f
        swapgs
2:      iretq

/* NMI: perhaps in front of a SWAPGS in ring 0. The kernel's GS lies in the upper half. */
        .globl  nmi_entry
nmi_entry:
        .ifdef  BUG_PARANOID
        jmp     nmi_by_cs
        .endif
        push    %rax
        push    %rcx
        push    %rdx
        mov     $MSR_GS_BASE, %ecx
        rdmsr
        test    %edx, %edx
        js      1f
        swapgs
        incq    %gs:CPU_NMIS
        swapgs
        jmp     2f
1:      incq    %gs:CPU_NMIS
2:      pop     %rdx
        pop     %rcx
        pop     %rax
        iretq
nmi_by_cs:
        testb   $3, 8(%rsp)
        jz      1f
        swapgs
1:      incq    %gs:CPU_NMIS
        testb   $3, 8(%rsp)
        jz      2f
        swapgs
2:      iretq

        .globl  fault_entry
fault_entry:
        cli
        hlt
        jmp     fault_entry

        .data
        .balign 16
        .globl  cpu0
cpu0:   .quad   stack_top, 0, 0, 0
calls:  .quad   zero, add, ticks

        .bss
        .balign 4096
stack:  .skip   4096
        .globl  stack_top
stack_top:
