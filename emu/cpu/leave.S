/* A hook that may leave its block, in x86-64 machine code, System V convention: rdi = engine, the
 * other arguments are the hook's own.
 *
 * It calls Python with them. Where Python answers other than 0, it makes the engine ask for a block
 * at an address that no table maps: a page fault of the instruction that the hook stands in front
 * of, precise, and the processor tells it by that address. hostcode.py holds the bytes.
 */
        .text
        push    %rbx
        mov     %rdi, %rbx
        movabs  $0x5555555555555555, %rax       /* Python */
        call    *%rax
        test    %eax, %eax
        je      stay
        mov     %rbx, %rdi
        mov     $0xcccccccc, %esi               /* the control "request a block" */
        movabs  $0xaaaaaaaaaaaaaaaa, %rdx       /* the address that is never mapped */
        xor     %ecx, %ecx
        xor     %eax, %eax
        movabs  $0xbbbbbbbbbbbbbbbb, %r10       /* uc_ctl */
        call    *%r10
stay:   pop     %rbx
        ret
