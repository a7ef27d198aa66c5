/* alltraps.S - a kernel with one way in: every vector leads to one common path.
 *
 * Each vector's stub makes the stack look alike (an error code, the vector), and `alltraps` builds
 * one trap frame and calls `trap` with its address. System calls are `int $64`, from 64-bit and
 * from 32-bit programs. This is the manner of teaching kernels such as xv6; the code is its own.
 *
 *   the trap frame, from the stack pointer up:
 *   rax rbx rcx rdx rsi rdi rbp r8..r15 | vector, error code | rip cs rflags rsp ss
 *   saved by alltraps                   | by the stub or CPU | saved by the CPU
 *
 * GS: SWAPGS where CS says that ring 3 was left; the CPU's own data is then at %gs:0.
 * Built with BUG_... defined, it has that bug; the tests beside it find each.
 */
        .set    TF_RAX, 0
        .set    TF_RSI, 32
        .set    TF_RDI, 40
        .set    TF_SIZE, 120            /* fifteen registers */
        .set    TF_VECTOR, TF_SIZE
        .set    TF_CS, TF_SIZE + 24

        .set    CPU_TRAPS, 0
        .set    CPU_TICKS, 8

        .set    T_IRQ0, 32
        .set    T_SYSCALL, 64
        .set    VECTORS, 65

        .set    KERNEL_CODE, 0x10
        .set    INTERRUPT_GATE, 0x8e00
        .set    DPL_USER, 0x6000

        .text
        .code64

/* ---- the vectors' stubs: 16 bytes each. Ring 0, the stack of RSP0, GS as it was, IF = 0. */
        .macro  STUB n
        .balign 16
        .globl  vector\n
vector\n:
        .if     (\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17)
        .else
        push    $0                      /* these have no error code */
        .endif
        push    $\n
        jmp     alltraps
        .endm

        .altmacro
        .set    n, 0
        .rept   VECTORS
        STUB    %n
        .set    n, n + 1
        .endr
        .noaltmacro

        .globl  alltraps
alltraps:
        testb   $3, TF_CS - TF_VECTOR(%rsp)
        jz      1f
        .ifndef BUG_SWAPGS
        swapgs
        .endif
1:      push    %r15
        push    %r14
        push    %r13
        push    %r12
        push    %r11
        push    %r10
        push    %r9
        push    %r8
        push    %rbp
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    %rbx
        push    %rax
        cld
        mov     %rsp, %rdi
        call    trap

        .globl  trapret
trapret:
        pop     %rax
        pop     %rbx
        pop     %rcx
        pop     %rdx
        .ifdef  BUG_REGISTER
        add     $8, %rsp                /* RSI is not restored */
        .else
        pop     %rsi
        .endif
        pop     %rdi
        pop     %rbp
        .ifdef  BUG_ORDER
        pop     %r9
        pop     %r8
        .else
        pop     %r8
        pop     %r9
        .endif
        pop     %r10
        pop     %r11
        pop     %r12
        pop     %r13
        pop     %r14
        pop     %r15
        testb   $3, TF_CS - TF_VECTOR(%rsp)
        jz      1f
        .ifndef BUG_SWAPGS
        swapgs
        .endif
1:      .ifdef  BUG_FRAME
        add     $8, %rsp                /* the vector, but not the error code */
        .else
        add     $16, %rsp
        .endif
        iretq

/* ---- trap(frame): RDI = the frame. Ring 0, the kernel's stack and GS. */
        .globl  trap
trap:
        incq    %gs:CPU_TRAPS
        mov     TF_VECTOR(%rdi), %rax
        cmp     $T_SYSCALL, %rax
        je      syscall
        cmp     $T_IRQ0, %rax
        je      1f
        .globl  panic
panic:  cli
        hlt
        jmp     panic
1:      incq    %gs:CPU_TICKS
        .ifdef  BUG_REGISTER
        lea     ticks_name(%rip), %rsi
        .endif
        ret

/* syscall(frame): the number in RAX, the result goes there. 1: RDI + RSI; 2: how many traps. */
        .globl  syscall
syscall:
        mov     TF_RAX(%rdi), %rax
        cmp     $1, %rax
        je      1f
        cmp     $2, %rax
        je      2f
        movq    $-1, TF_RAX(%rdi)
        ret
1:      mov     TF_RDI(%rdi), %rax
        add     TF_RSI(%rdi), %rax
        mov     %rax, TF_RAX(%rdi)
        ret
2:      mov     %gs:CPU_TRAPS, %rax
        mov     %rax, TF_RAX(%rdi)
        ret

/* ---- idtinit(): once, at the start: the IDT, every gate to its stub. Only int $64 is open. */
        .globl  idtinit
idtinit:
        lea     vector0(%rip), %rax
        lea     idt(%rip), %rdi
        mov     $VECTORS, %ecx
1:      mov     %rax, %rdx
        mov     %dx, (%rdi)
        movw    $KERNEL_CODE, 2(%rdi)
        movw    $INTERRUPT_GATE, 4(%rdi)
        shr     $16, %rdx
        mov     %dx, 6(%rdi)
        shr     $16, %rdx
        mov     %rdx, 8(%rdi)
        add     $16, %rdi
        add     $16, %rax
        dec     %ecx
        jnz     1b
        orw     $DPL_USER, idt + 16 * T_SYSCALL + 4(%rip)
        lidt    idtr(%rip)
        ret

        .data
        .balign 16
        .globl  cpu0
cpu0:   .quad   0, 0                    /* CPU_TRAPS, CPU_TICKS */
ticks_name:
        .asciz  "ticks"
        .balign 8
idtr:   .word   16 * VECTORS - 1
        .quad   idt
        .balign 16
idt:    .zero   16 * VECTORS
