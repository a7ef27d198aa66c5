/* SYSCALL from 64-bit code at CPL 3 in x86-64 machine code, System V convention: rdi = engine.
 *
 * The common case of fast.py's `syscall`, step by step the same, for machines that nobody watches;
 * every other case goes to Python as in trampoline.S. tests/cpu/test_fast.py holds both to the same
 * claims. hostcode.py holds the bytes; the constants are patched in.
 *
 *   cells: +0 RFLAGS  +8 zero if this path may be taken  +16 the kernel's count at the crossing
 *
 * SDM 2B, "SYSCALL". Offsets into the state block: state.py.
 */
        .set    RCX, 8
        .set    R11, 88
        .set    RIP, 128
        .set    RFLAGS, 136
        .set    CC_SOURCE, 152
        .set    CC_OPERATION, 168
        .set    DIRECTION, 172
        .set    HIDDEN_FLAGS, 176
        .set    CS, 208
        .set    SS, 232
        .set    BASE, 8
        .set    LIMIT, 16
        .set    ATTRIBUTES, 20
        .set    EFER, 592
        .set    STAR_SELECTORS, 4828
        .set    LSTAR, 4840
        .set    FMASK, 4856
        .set    FLAG_DF, 0x400
        .set    FLAG_RF, 0x10000
        .set    STATUS, 0x8d5

        .text
        push    %rbx
        push    %r12
        sub     $8, %rsp
        mov     %rdi, %rbx
        movabs  $0x1111111111111111, %rsi       /* context */
        movabs  $0x2222222222222222, %rax       /* uc_context_save */
        call    *%rax
        mov     %rbx, %rdi
        mov     $0x66666666, %esi               /* the engine's number for RFLAGS */
        movabs  $0x3333333333333333, %rdx       /* cells */
        movabs  $0x4444444444444444, %rax       /* uc_reg_read */
        call    *%rax

        movabs  $0x8888888888888888, %r8        /* state block */
        movabs  $0x3333333333333333, %r9        /* cells */
        cmpq    $0, 8(%r9)
        jne     python
        testb   $1, EFER(%r8)                   /* SCE */
        jz      python
        mov     HIDDEN_FLAGS(%r8), %eax
        mov     %eax, %edx
        and     $0x8003, %edx                   /* CS.L and CPL */
        cmp     $0x8003, %edx
        jne     python

        movabs  $0x9999999999999999, %rcx       /* the kernel's count; behind it, the block's slot */
        mov     8(%rcx), %rcx
        mov     16(%rcx), %rcx                  /* where the block ends: SYSCALL ends it */
        sub     RIP(%r8), %rcx
        cmp     $2, %rcx                        /* longer with prefixes: Python knows */
        jne     python

        mov     (%r9), %rcx                     /* RCX := RIP of the next instruction */
        mov     RIP(%r8), %rdx
        add     $2, %rdx
        mov     %rdx, RCX(%r8)
        mov     %rcx, %rdx                      /* R11 := RFLAGS, without RF */
        and     $~FLAG_RF, %rdx
        mov     %rdx, R11(%r8)
        mov     LSTAR(%r8), %rdx                /* RIP := LSTAR; the engine adds the length, 2 */
        sub     $2, %rdx
        mov     %rdx, RIP(%r8)

        mov     FMASK(%r8), %rdx                /* RFLAGS := RFLAGS & ~FMASK, without RF */
        or      $FLAG_RF, %rdx
        not     %rdx
        and     %rdx, %rcx
        mov     %rcx, %rdx
        and     $~(STATUS | FLAG_DF), %rdx
        or      $2, %rdx
        mov     %rdx, RFLAGS(%r8)
        mov     %rcx, %rdx
        and     $STATUS, %edx
        mov     %rdx, CC_SOURCE(%r8)
        movl    $1, CC_OPERATION(%r8)
        mov     $1, %edx
        test    $FLAG_DF, %ecx
        jz      up
        mov     $-1, %edx
up:     mov     %edx, DIRECTION(%r8)

        and     $~0x8073, %eax                  /* CPL := 0; flat 64-bit CS, SS := CS + 8 */
        or      $0x8030, %eax
        mov     %eax, HIDDEN_FLAGS(%r8)
        mov     STAR_SELECTORS(%r8), %edx
        and     $0xfffc, %edx
        mov     %edx, CS(%r8)
        movq    $0, CS+BASE(%r8)
        movl    $-1, CS+LIMIT(%r8)
        movl    $0xa09b00, CS+ATTRIBUTES(%r8)
        add     $8, %edx
        mov     %edx, SS(%r8)
        movq    $0, SS+BASE(%r8)
        movl    $-1, SS+LIMIT(%r8)
        movl    $0xc09300, SS+ATTRIBUTES(%r8)

        movabs  $0x9999999999999999, %rdx       /* the kernel's count */
        mov     (%rdx), %rdx
        mov     %rdx, 16(%r9)
        movq    $1, 8(%r9)                      /* Python enters it into the ledger later */
        jmp     restore

python: xor     %edi, %edi
        movabs  $0x5555555555555555, %rax       /* Python */
        call    *%rax
restore:
        mov     %rbx, %rdi
        movabs  $0x1111111111111111, %rsi       /* context */
        movabs  $0x7777777777777777, %rax       /* uc_context_restore */
        call    *%rax
        add     $8, %rsp
        pop     %r12
        pop     %rbx
        ret
