/* The block callback of counters.py in x86-64 machine code, System V convention:
 * rdi = engine, rsi = pc of the block, edx = its size, rcx = the slot baked into the block.
 *
 *   slot:   +0 instructions  +8 pc tag  +16 end  +24 pc tag of a rep block  +32 &total to add to
 *   state:  +0 user total    +8 kernel total     +16 current slot           +24 previous slot
 *           +32 budget left
 *
 * slot_counter.py holds the bytes; tests/cpu/test_hostcode.py assembles this file and compares. The
 * three constants (state, uc_emu_stop, the Python callback) are patched in. The two instructions at
 * `budget` stand there only while there is a limit; otherwise six bytes of NOP.
 */
        .text
        movabs  $0x1111111111111111, %r9        /* state */
        cmp     %rsi, 8(%rcx)
        jne     rep
        mov     %rcx, 16(%r9)
count:  mov     (%rcx), %rax
        mov     32(%rcx), %r11
        add     %rax, (%r11)
budget: sub     %rax, 32(%r9)
        js      stop
        ret
rep:    mov     16(%r9), %r10                   /* the block before */
        mov     %rcx, 16(%r9)
        cmp     %rsi, 24(%rcx)
        jne     slow
        mov     16(%rcx), %r11
        cmp     %r11, 16(%r10)                  /* it ended in this same rep */
        jne     count
        ret                                     /* one more turn: counted already */
slow:   mov     %r10, 24(%r9)
        movabs  $0x3333333333333333, %rax       /* Python */
        jmp     *%rax
stop:   movabs  $0x2222222222222222, %rax       /* uc_emu_stop */
        jmp     *%rax
