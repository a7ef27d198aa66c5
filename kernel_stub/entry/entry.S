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

/* What a debugger must know to find its way back to ring 3 from any instruction here: the .cfi
 * directives, which make no code. The program's code looks as if it had called the entry: CFA is
 * the program's RSP, not a place on the kernel's stack, so that the stacks seem to be one.
 * DWARF, "Call Frame Information"; System V ABI (AMD64), "DWARF Register Number Mapping". */
        .cfi_sections .debug_frame
        .set    DW_CFA_DEF_CFA_EXPRESSION, 0x0f
        .set    DW_CFA_EXPRESSION, 0x10
        .set    DW_CFA_VAL_EXPRESSION, 0x16
        .set    DW_OP_ADDR, 0x03
        .set    DW_OP_DEREF, 0x06
        .set    DW_OP_BREG_RBP, 0x76
        .set    DW_OP_BREG_RSP, 0x77
        .set    RAX_NUMBER, 0
        .set    RCX_NUMBER, 2
        .set    RSI_NUMBER, 4
        .set    RDI_NUMBER, 5
        .set    RBP_NUMBER, 6
        .set    RSP_NUMBER, 7
        .set    R11_NUMBER, 11
        .set    RIP_NUMBER, 16
        .set    RFLAGS_NUMBER, 49

        /* A register's value in ring 3 stands `offset` bytes above RSP. */
        .macro  STANDS_AT register, offset
        .cfi_escape DW_CFA_EXPRESSION, \register, 3
        .cfi_escape DW_OP_BREG_RSP, (\offset) & 0x7f | 0x80, (\offset) >> 7
        .endm

        /* rip cs rflags rsp ss stand `offset` bytes above RSP. */
        .macro  FRAME_AT offset
        .set    FRAME_OFFSET, \offset
        .cfi_escape DW_CFA_DEF_CFA_EXPRESSION, 4
        .cfi_escape DW_OP_BREG_RSP, (FRAME_OFFSET + 24) & 0x7f | 0x80, (FRAME_OFFSET + 24) >> 7
        .cfi_escape DW_OP_DEREF
        STANDS_AT RIP_NUMBER, FRAME_OFFSET
        STANDS_AT RFLAGS_NUMBER, FRAME_OFFSET+16
        .endm

        .macro  BEGIN_FRAME_AT offset
        .cfi_startproc simple
        .cfi_val_offset rsp, 0
        FRAME_AT \offset
        .endm

        /* RSP = pt_regs. What this code changes of the program's registers is read from there. */
        .macro  REGISTERS_IN_PT_REGS
        STANDS_AT RSI_NUMBER, PT_RSI
        STANDS_AT RDI_NUMBER, PT_RDI
        STANDS_AT RAX_NUMBER, PT_RAX
        STANDS_AT RCX_NUMBER, PT_RCX
        STANDS_AT R11_NUMBER, PT_R11
        .endm

        .macro  BEGIN_AT_PT_REGS
        BEGIN_FRAME_AT PT_RIP
        REGISTERS_IN_PT_REGS
        .endm

        /* A function that an entry called with pt_regs on the stack. */
        .macro  BEGIN_CALLED_FUNCTION
        .cfi_startproc simple
        .cfi_escape DW_CFA_DEF_CFA_EXPRESSION, 4
        .cfi_escape DW_OP_BREG_RSP, (PT_RSP + 8) & 0x7f | 0x80, (PT_RSP + 8) >> 7, DW_OP_DEREF
        STANDS_AT RIP_NUMBER, 0
        .cfi_escape DW_CFA_VAL_EXPRESSION, RSP_NUMBER, 2, DW_OP_BREG_RSP, 8
        .endm

        /* After SYSCALL: RCX and R11 hold RIP and RFLAGS, RSP is the program's. */
        .macro  FAST_FRAME
        .cfi_def_cfa rsp, 0
        .cfi_register rip, rcx
        .cfi_register RFLAGS_NUMBER, r11
        .endm

        /* RCX and R11 still do; the program's RSP stands in the per-CPU area. */
        .macro  FAST_FRAME_ON_KERNEL_STACK
        .cfi_escape DW_CFA_DEF_CFA_EXPRESSION, 10, DW_OP_ADDR
        .cfi_escape CPU_USER_RSP_AT & 0xff, CPU_USER_RSP_AT >> 8 & 0xff
        .cfi_escape CPU_USER_RSP_AT >> 16 & 0xff, CPU_USER_RSP_AT >> 24 & 0xff
        .cfi_escape CPU_USER_RSP_AT >> 32 & 0xff, CPU_USER_RSP_AT >> 40 & 0xff
        .cfi_escape CPU_USER_RSP_AT >> 48 & 0xff, CPU_USER_RSP_AT >> 56 & 0xff
        .cfi_escape DW_OP_DEREF
        .endm

        .set    HAS_FRAME, 1            /* 0: the way back is not through the frame */
        .macro  PUSH_BELOW_FRAME what
        push    \what
        .if     HAS_FRAME
        FRAME_AT FRAME_OFFSET+8
        .endif
        .endm

        .macro  POP_BELOW_FRAME register
        pop     %\register
        FRAME_AT FRAME_OFFSET-8
        .cfi_same_value \register
        .endm

/* rdi .. r15 below orig_rax: RSP then points to pt_regs. rax is saved as -ENOSYS for a system
 * call: what nobody answers fails. */
        .macro  PUSH_REGS rax=%rax
        .irp    register, %rdi, %rsi, %rdx, %rcx
        PUSH_BELOW_FRAME \register
        .endr
        PUSH_BELOW_FRAME \rax
        .irp    register, %r8, %r9, %r10, %r11, %rbx, %rbp, %r12, %r13, %r14, %r15
        PUSH_BELOW_FRAME \register
        .endr
        REGISTERS_IN_PT_REGS
        .endm

/* The reverse: RSP then points to orig_rax. */
        .macro  POP_REGS
        .irp    register, rsi, rdi, rax, rcx, r11
        .cfi_undefined \register
        .endr
        .irp    register, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
        POP_BELOW_FRAME \register
        .endr
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
        .cfi_startproc simple
        .cfi_val_offset rsp, 0
        FAST_FRAME
        swapgs
        mov     %rsp, %gs:CPU_USER_RSP
        mov     %gs:CPU_KERNEL_RSP, %rsp
        FAST_FRAME_ON_KERNEL_STACK
        push    $USER_DS
        push    %gs:CPU_USER_RSP
        push    %r11
        push    $USER_CS
        push    %rcx
        FRAME_AT 0
        PUSH_BELOW_FRAME %rax
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
        FAST_FRAME
        swapgs
        sysretq
        .cfi_endproc

/* ---- INT 0x80 from 32-bit or 64-bit code ------------------------------------------------------
 * Ring 0; the CPU took the stack from the TSS and pushed ss rsp rflags cs rip; GS the user's;
 * ebx ecx edx esi edi ebp = the arguments. */
        FUNCTION entry_INT80_compat
        BEGIN_FRAME_AT 0
        swapgs
        cld
        mov     %eax, %eax              /* the call number is 32 bits wide */
        PUSH_BELOW_FRAME %rax
        PUSH_REGS rax=$-ENOSYS
        mov     %rsp, %rdi
        call    do_int80_syscall_32
        jmp     swapgs_restore_regs_and_return_to_usermode
        .cfi_endproc

/* ---- SYSENTER from 32-bit code ----------------------------------------------------------------
 * Ring 0; RSP = the kernel stack, from SYSENTER_ESP; GS the user's; nothing is saved. The program
 * left its stack pointer in EBP, with ebp, edx, ecx and a return address on that stack. */
        FUNCTION entry_SYSENTER_compat
        .cfi_startproc simple
        .cfi_val_offset rsp, 0
        .cfi_def_cfa rbp, 16            /* the landing page's caller seems to be ours */
        .cfi_escape DW_CFA_EXPRESSION, RBP_NUMBER, 2, DW_OP_BREG_RBP, 0
        .cfi_escape DW_CFA_EXPRESSION, RIP_NUMBER, 2, DW_OP_BREG_RBP, 12
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
        .set    HAS_FRAME, 0
        PUSH_REGS rax=$-ENOSYS
        .set    HAS_FRAME, 1
        pushq   $2
        popfq                           /* AC, NT and TF off in the kernel */
        mov     %rsp, %rdi
        call    do_SYSENTER_32
        cmpq    $USER32_CS, PT_CS(%rsp)
        jne     swapgs_restore_regs_and_return_to_usermode
        testl   $(FLAG_RF | FLAG_TF), PT_RFLAGS(%rsp)
        jnz     swapgs_restore_regs_and_return_to_usermode
        .cfi_endproc

        FUNCTION sysenter_return_via_sysexit
        BEGIN_AT_PT_REGS
        POP_REGS
        mov     SAVED_RIP(%rsp), %edx
        mov     SAVED_RSP(%rsp), %ecx
        PUSH_BELOW_FRAME SAVED_RFLAGS(%rsp)
        andl    $~FLAG_IF, (%rsp)
        swapgs
        popfq
        FRAME_AT FRAME_OFFSET-8
        sti                             /* takes effect after SYSEXIT */
        sysexitl
        .cfi_endproc

/* ---- SYSCALL from 32-bit code (AMD) -----------------------------------------------------------
 * Ring 0; stack and GS the user's; RCX = the next instruction, so the program passed its second
 * argument in EBP and left EBP on its stack; R11 = RFLAGS. */
        FUNCTION entry_SYSCALL_compat
        .cfi_startproc simple
        .cfi_val_offset rsp, 0
        FAST_FRAME
        swapgs
        mov     %esp, %esp
        mov     %rsp, %gs:CPU_USER_RSP
        mov     %gs:CPU_KERNEL_RSP, %rsp
        FAST_FRAME_ON_KERNEL_STACK
        mov     %eax, %eax
        push    $USER_DS
        push    %gs:CPU_USER_RSP
        push    %r11
        push    $USER32_CS
        push    %rcx
        FRAME_AT 0
        PUSH_BELOW_FRAME %rax
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
        FAST_FRAME
        swapgs
        sysretl
        .cfi_endproc

/* ---- Back to ring 3 by IRET -------------------------------------------------------------------
 * RSP = pt_regs; GS the kernel's. */
        FUNCTION swapgs_restore_regs_and_return_to_usermode
        BEGIN_AT_PT_REGS
        testb   $SELECTOR_IN_LDT, PT_SS(%rsp)
        jnz     return_over_espfix_stack

        FUNCTION restore_regs_and_iret
        POP_REGS
        add     $8, %rsp                /* orig_rax, or the error code */
        FRAME_AT 0
        swapgs
        .globl  native_irq_return_iret
native_irq_return_iret:
        iretq
        .cfi_endproc

/* ---- Back to a stack segment of the LDT --------------------------------------------------------
 * RSP = pt_regs. If the segment is a 16-bit one, IRET loads SP alone, and the program would find
 * bits 16 to 31 of the kernel's stack pointer in ESP. So pt_regs move to a page that is seen every
 * 64 KiB, and RSP to where it is seen under the program's bits 16 to 31. There it can only be
 * read: an exception of that IRET cannot be pushed, and becomes a double fault on a stack of its
 * own. SDM 2A, "IRET/IRETD/IRETQ"; Linux: arch/x86/kernel/espfix_64.c (the idea). */
        FUNCTION return_over_espfix_stack
        BEGIN_AT_PT_REGS
        mov     %rsp, %rsi
        movabs  $ESPFIX_REGS_WRITABLE, %rdi
        mov     $(PT_SIZE / 8), %ecx
        rep movsq
        mov     PT_RSP(%rsp), %ecx
        and     $0xffff0000, %ecx
        movabs  $ESPFIX_REGS, %rsi
        lea     (%rsi,%rcx), %rsp
        jmp     restore_regs_and_iret
        .cfi_endproc

/* ---- A new task --------------------------------------------------------------------------------
 * Ring 0; RSP = its pt_regs, on a kernel stack that no entry has used; GS the kernel's. */
        FUNCTION ret_from_fork
        BEGIN_AT_PT_REGS
        jmp     swapgs_restore_regs_and_return_to_usermode
        .cfi_endproc

/* ---- Exceptions -------------------------------------------------------------------------------
 * Ring 0; the CPU pushed ss rsp rflags cs rip and for some vectors an error code; the stack is
 * the TSS's RSP0, an IST stack, or (from ring 0) the current one. GS is the user's only if the
 * CPU came from ring 3. */
        .macro  EXCEPTION vector name has_error_code on_ist_stack
        FUNCTION asm_exc_\name
        BEGIN_FRAME_AT 8*\has_error_code
        .if \has_error_code == 0
        PUSH_BELOW_FRAME $-1
        .endif
        PUSH_REGS
        cld
        mov     %rsp, %rdi
        mov     $(HANDOVER_EXCEPTION + \vector), %eax
        testb   $3, PT_CS(%rsp)
        jz      exception_in_kernel
        .if     \on_ist_stack
        jmp     exception_in_user_on_ist_stack
        .else
        jmp     exception_in_user
        .endif
        .cfi_endproc
        .endm

        EVERY_EXCEPTION                 /* from offsets.inc: asm_exc_divide_error and so on */

/* ---- The timer --------------------------------------------------------------------------------
 * Ring 0, from ring 3 only (the kernel never has IF = 1); the stack is the TSS's RSP0; GS the
 * user's. */
        FUNCTION asm_sysvec_apic_timer_interrupt
        BEGIN_FRAME_AT 0
        PUSH_BELOW_FRAME $-1
        PUSH_REGS
        cld
        mov     %rsp, %rdi
        mov     $HANDOVER_TIMER, %eax
        .cfi_endproc

        FUNCTION exception_in_user
        BEGIN_AT_PT_REGS
        swapgs
        call    do_exception
        jmp     swapgs_restore_regs_and_return_to_usermode
        .cfi_endproc

/* Another task may come, and find the IST stack in use: pt_regs move to the task's own. */
        FUNCTION exception_in_user_on_ist_stack
        BEGIN_AT_PT_REGS
        swapgs
        mov     %gs:CPU_KERNEL_RSP, %rdi
        sub     $PT_SIZE, %rdi
        mov     %rsp, %rsi
        mov     $(PT_SIZE / 8), %ecx
        rep movsq
        lea     -PT_SIZE(%rdi), %rsp
        mov     %rsp, %rdi
        call    do_exception
        jmp     swapgs_restore_regs_and_return_to_usermode
        .cfi_endproc

        FUNCTION exception_in_kernel
        BEGIN_AT_PT_REGS
        call    do_exception
        POP_REGS
        add     $8, %rsp
        FRAME_AT 0
        iretq
        .cfi_endproc

/* ---- The handlers -----------------------------------------------------------------------------
 * rdi = pt_regs. Python answers and leaves the result in pt_regs. */
        .macro  HANDOVER number
        BEGIN_CALLED_FUNCTION
        mov     $\number, %eax
        vmcall
        ret
        .cfi_endproc
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
        BEGIN_CALLED_FUNCTION
        vmcall
        ret
        .cfi_endproc

        .globl  _etext
_etext:
