/* A hook that finds the CPU state saved and leaves it restored, in x86-64 machine code, System V
 * convention: rdi = engine, esi = the hook's argument (a vector, or nothing of meaning).
 *
 * It saves the state into the context, evaluates RFLAGS into a cell, calls Python, and restores the
 * state from the context: one call from Python's side where it would take four.
 * hostcode.py holds the bytes; tests/cpu/test_hostcode.py assembles this file and compares. The
 * constants are patched in.
 */
        .text
        push    %rbx
        push    %r12
        sub     $8, %rsp
        mov     %rdi, %rbx
        mov     %esi, %r12d
        movabs  $0x1111111111111111, %rsi       /* context */
        movabs  $0x2222222222222222, %rax       /* uc_context_save */
        call    *%rax
        mov     %rbx, %rdi
        mov     $0x66666666, %esi               /* the engine's number for RFLAGS */
        movabs  $0x3333333333333333, %rdx       /* cell */
        movabs  $0x4444444444444444, %rax       /* uc_reg_read */
        call    *%rax
        mov     %r12d, %edi
        movabs  $0x5555555555555555, %rax       /* Python */
        call    *%rax
        mov     %eax, %r12d
        mov     %rbx, %rdi
        movabs  $0x1111111111111111, %rsi       /* context */
        movabs  $0x7777777777777777, %rax       /* uc_context_restore */
        call    *%rax
        mov     %r12d, %eax
        add     $8, %rsp
        pop     %r12
        pop     %rbx
        ret
