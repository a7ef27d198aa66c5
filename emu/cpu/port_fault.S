/* The hook of IN, OUT, INS and OUTS in x86-64 machine code, System V convention: rdi = engine.
 *
 * The engine asks nobody whether a port may be used. This makes it ask: a request for the block at
 * an address that no table maps is a page fault of the instruction itself, precise, and the
 * processor tells it by that address (ports.py). hostcode.py holds the bytes.
 */
        .text
        sub     $8, %rsp
        mov     $0xcccccccc, %esi               /* the control "request a block" */
        movabs  $0xaaaaaaaaaaaaaaaa, %rdx       /* the address that is never mapped */
        xor     %ecx, %ecx
        xor     %eax, %eax
        movabs  $0xbbbbbbbbbbbbbbbb, %r10       /* uc_ctl */
        call    *%r10
        xor     %eax, %eax
        add     $8, %rsp
        ret
