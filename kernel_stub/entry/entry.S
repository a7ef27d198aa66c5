/* entry.S - every way into ring 0 and back.
 *
 * The CPU has just changed ring when one of these labels runs. Each entry saves the user's
 * registers as `pt_regs` on the kernel stack, hands over to Python with VMCALL, and returns with
 * the registers that Python left there. What Python does costs no guest instruction.
 *
 *   pt_regs, from the stack pointer up:
 *   r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax | rip cs rflags rsp ss
 *   saved by this code                                                 | saved by the CPU, or here
 *
 * GS: in ring 3 it is the program's; SWAPGS exchanges it with the kernel's, whose area holds the
 * kernel stack pointer. Interrupts are off (IF = 0) from the first instruction to the last.
 * SDM 2B, "SYSCALL", "SYSENTER", "SWAPGS"; SDM 3A, "64-Bit Mode Stack Frame".
 */
        .include "offsets.inc"
        .text
        .code64

/* rdi .. r15 below orig_rax: RSP then points to pt_regs. rax is saved as -ENOSYS for a system
 * call: what nobody answers fails. */
        .macro  PUSH_REGS rax=%rax
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    \rax
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        .endm

/* The reverse: RSP then points to orig_rax. */
        .macro  POP_REGS
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rax
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
        .endm

        /* Where rip, rflags and rsp stand once RSP points to orig_rax. */
        .set    SAVED_RIP, PT_RIP - PT_ORIG_RAX
        .set    SAVED_RFLAGS, PT_RFLAGS - PT_ORIG_RAX
        .set    SAVED_RSP, PT_RSP - PT_ORIG_RAX

        .macro  FUNCTION name
        .globl  \name
        .type   \name, @function
\name:
        .endm

        .globl  _text
_text:

/* ---- SYSCALL from 64-bit code -----------------------------------------------------------------
 * Ring 0; stack and GS still the user's; RCX = the user's next instruction, R11 = its RFLAGS;
 * rdi rsi rdx r10 r8 r9 = the arguments. */
        FUNCTION entry_SYSCALL_64
        swapgs
        mov     %rsp, %gs:CPU_USER_RSP
        mov     %gs:CPU_KERNEL_RSP, %rsp
        push    $USER_DS
        push    %gs:CPU_USER_RSP
        push    %r11
        push    $USER_CS
        push    %rcx
        push    %rax
        PUSH_REGS rax=$-ENOSYS
        mov     %rsp, %rdi
        call    do_syscall_64

        /* SYSRET is quick, but takes RIP from RCX and RFLAGS from R11, and cannot load every
         * state: where pt_regs does not fit, IRET returns. */
        mov     PT_RCX(%rsp), %rcx
        mov     PT_RIP(%rsp), %r11
        cmp     %rcx, %r11
        jne     swapgs_restore_regs_and_return_to_usermode
        shl     $16, %rcx               /* not canonical: on Intel SYSRET faults in ring 0 */
        sar     $16, %rcx
        cmp     %rcx, %r11
        jne     swapgs_restore_regs_and_return_to_usermode
        cmpq    $USER_CS, PT_CS(%rsp)
        jne     swapgs_restore_regs_and_return_to_usermode
        mov     PT_R11(%rsp), %r11
        cmp     %r11, PT_RFLAGS(%rsp)
        jne     swapgs_restore_regs_and_return_to_usermode
        test    $(FLAG_RF | FLAG_TF), %r11
        jnz     swapgs_restore_regs_and_return_to_usermode
        cmpq    $USER_DS, PT_SS(%rsp)
        jne     swapgs_restore_regs_and_return_to_usermode

        FUNCTION syscall_return_via_sysret
        POP_REGS
        mov     SAVED_RSP(%rsp), %rsp
        swapgs
        sysretq

/* ---- INT 0x80 from 32-bit or 64-bit code ------------------------------------------------------
 * Ring 0; the CPU took the stack from the TSS and pushed ss rsp rflags cs rip; GS the user's;
 * ebx ecx edx esi edi ebp = the arguments. */
        FUNCTION entry_INT80_compat
        swapgs
        cld
        mov     %eax, %eax              /* the call number is 32 bits wide */
        push    %rax
        PUSH_REGS rax=$-ENOSYS
        mov     %rsp, %rdi
        call    do_int80_syscall_32
        jmp     swapgs_restore_regs_and_return_to_usermode

/* ---- SYSENTER from 32-bit code ----------------------------------------------------------------
 * Ring 0; RSP = the kernel stack, from SYSENTER_ESP; GS the user's; nothing is saved. The program
 * left its stack pointer in EBP, with ebp, edx, ecx and a return address on that stack. */
        FUNCTION entry_SYSENTER_compat
        swapgs
        mov     %eax, %eax
        mov     %ebp, %ebp
        push    $USER_DS
        push    %rbp
        pushfq
        orl     $FLAG_IF, (%rsp)        /* the CPU cleared IF and told nobody */
        cld
        push    $USER32_CS
        push    $0                      /* rip: Python puts the landing pad there */
        push    %rax
        PUSH_REGS rax=$-ENOSYS
        btrl    $14, PT_RFLAGS(%rsp)    /* NT survives SYSENTER and would break IRET */
        pushq   $2
        popfq                           /* AC and NT off in the kernel */
        mov     %rsp, %rdi
        call    do_SYSENTER_32
        cmpq    $USER32_CS, PT_CS(%rsp)
        jne     swapgs_restore_regs_and_return_to_usermode
        testl   $(FLAG_RF | FLAG_TF), PT_RFLAGS(%rsp)
        jnz     swapgs_restore_regs_and_return_to_usermode

        FUNCTION sysenter_return_via_sysexit
        POP_REGS
        mov     SAVED_RIP(%rsp), %edx
        mov     SAVED_RSP(%rsp), %ecx
        push    SAVED_RFLAGS(%rsp)
        andl    $~FLAG_IF, (%rsp)
        swapgs
        popfq
        sti                             /* takes effect after SYSEXIT */
        sysexitl

/* ---- SYSCALL from 32-bit code (AMD) -----------------------------------------------------------
 * Ring 0; stack and GS the user's; RCX = the next instruction, so the program passed its second
 * argument in EBP and left EBP on its stack; R11 = RFLAGS. */
        FUNCTION entry_SYSCALL_compat
        swapgs
        mov     %esp, %esp
        mov     %rsp, %gs:CPU_USER_RSP
        mov     %gs:CPU_KERNEL_RSP, %rsp
        mov     %eax, %eax
        push    $USER_DS
        push    %gs:CPU_USER_RSP
        push    %r11
        push    $USER32_CS
        push    %rcx
        push    %rax
        mov     %ebp, %ecx
        PUSH_REGS rax=$-ENOSYS
        mov     %rsp, %rdi
        call    do_fast_syscall_32
        cmpq    $USER32_CS, PT_CS(%rsp)
        jne     swapgs_restore_regs_and_return_to_usermode
        testl   $(FLAG_RF | FLAG_TF), PT_RFLAGS(%rsp)
        jnz     swapgs_restore_regs_and_return_to_usermode

        FUNCTION sysret32_from_system_call
        POP_REGS
        mov     SAVED_RIP(%rsp), %ecx
        mov     SAVED_RFLAGS(%rsp), %r11
        mov     SAVED_RSP(%rsp), %rsp
        swapgs
        sysretl

/* ---- Back to ring 3 by IRET -------------------------------------------------------------------
 * RSP = pt_regs; GS the kernel's. */
        FUNCTION swapgs_restore_regs_and_return_to_usermode
        POP_REGS
        add     $8, %rsp                /* orig_rax, or the error code */
        swapgs
        .globl  native_irq_return_iret
native_irq_return_iret:
        iretq

/* ---- Exceptions -------------------------------------------------------------------------------
 * Ring 0; the CPU pushed ss rsp rflags cs rip and for some vectors an error code; the stack is
 * the TSS's RSP0, an IST stack, or (from ring 0) the current one. GS is the user's only if the
 * CPU came from ring 3. */
        .macro  EXCEPTION vector name has_error_code
        FUNCTION asm_exc_\name
        .if \has_error_code == 0
        push    $-1
        .endif
        PUSH_REGS
        cld
        mov     %rsp, %rdi
        mov     $(HANDOVER_EXCEPTION + \vector), %eax
        testb   $3, PT_CS(%rsp)
        jz      exception_in_kernel
        jmp     exception_in_user
        .endm

        EVERY_EXCEPTION                 /* from offsets.inc: asm_exc_divide_error and so on */

        FUNCTION exception_in_user
        swapgs
        call    do_exception
        jmp     swapgs_restore_regs_and_return_to_usermode

        FUNCTION exception_in_kernel
        call    do_exception
        POP_REGS
        add     $8, %rsp
        iretq

/* ---- The handlers -----------------------------------------------------------------------------
 * rdi = pt_regs. Python answers and leaves the result in pt_regs. */
        .macro  HANDOVER number
        mov     $\number, %eax
        vmcall
        ret
        .endm

        FUNCTION do_syscall_64
        HANDOVER HANDOVER_SYSCALL_64
        FUNCTION do_int80_syscall_32
        HANDOVER HANDOVER_INT80
        FUNCTION do_SYSENTER_32
        HANDOVER HANDOVER_SYSENTER
        FUNCTION do_fast_syscall_32
        HANDOVER HANDOVER_SYSCALL_32

/* eax = which exception. */
        FUNCTION do_exception
        vmcall
        ret

        .globl  _etext
_etext:
