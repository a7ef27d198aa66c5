/* vdso64.S - the vDSO of 64-bit programs: the time, without a crossing.
 *
 * Ring 3, called as C functions. The page `vvar`, in front of this image, is the kernel's: it says
 * how far each clock is ahead of the time-stamp counter, which counts one nanosecond for each
 * instruction. So RDTSC and one addition give what the system call would give here and now. Where
 * that is not so (the page says it, or the clock is another one), the system call is made.
 * vdso(7); clock_gettime(2); SDM 2B, "RDTSC".
 */
        .include "vdso64.inc"

        .macro  FUNCTION name, alias
        .globl  __vdso_\name
        .type   __vdso_\name, @function
        .ifb    \alias
        .weak   \name
        .type   \name, @function
        .set    \name, __vdso_\name
        .endif
__vdso_\name:
        .cfi_startproc
        .endm

        .macro  END name
        .cfi_endproc
        .size   __vdso_\name, . - __vdso_\name
        .endm

        .macro  ASK_KERNEL number
        mov     $\number, %eax
        syscall
        ret
        .endm

/* rax = the clock that is `ahead` of the counter; rdx is lost. */
        .macro  READ_CLOCK ahead
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        add     \ahead, %rax
        .endm

/* rax / divisor: rax = quotient, rdx = rest; rcx is lost. */
        .macro  DIVIDE divisor
        xor     %edx, %edx
        mov     $\divisor, %ecx
        div     %rcx
        .endm

        .text

/* int clock_gettime(clockid_t edi, struct timespec *rsi) */
        FUNCTION clock_gettime
        cmp     $CLOCKS_END, %edi
        jae     2f
        mov     $CLOCKS_HERE, %eax
        bt      %edi, %eax
        jnc     2f
        cmpl    $0, vvar + VVAR_MODE(%rip)
        je      2f
        lea     vvar + VVAR_UPTIME(%rip), %r8
        lea     vvar + VVAR_WALL(%rip), %r9
        mov     $CLOCKS_WALL, %eax
        bt      %edi, %eax
        cmovc   %r9, %r8
        READ_CLOCK (%r8)
        mov     $CLOCKS_COARSE, %ecx
        bt      %edi, %ecx
        jnc     1f
        mov     %rax, %r8
        DIVIDE  COARSE_NS
        mov     %r8, %rax
        sub     %rdx, %rax
1:      DIVIDE  SECOND
        mov     %rax, (%rsi)
        mov     %rdx, 8(%rsi)
        xor     %eax, %eax
        ret
2:      ASK_KERNEL NR_clock_gettime
        END     clock_gettime

/* int gettimeofday(struct timeval *rdi, struct timezone *rsi) */
        FUNCTION gettimeofday
        cmpl    $0, vvar + VVAR_MODE(%rip)
        je      3f
        test    %rdi, %rdi
        jz      1f
        READ_CLOCK vvar + VVAR_WALL(%rip)
        DIVIDE  SECOND
        mov     %rax, (%rdi)
        mov     %rdx, %rax
        DIVIDE  1000
        mov     %rax, 8(%rdi)
1:      test    %rsi, %rsi
        jz      2f
        movq    $0, (%rsi)              /* UTC */
2:      xor     %eax, %eax
        ret
3:      ASK_KERNEL NR_gettimeofday
        END     gettimeofday

/* time_t time(time_t *rdi) */
        FUNCTION time
        cmpl    $0, vvar + VVAR_MODE(%rip)
        je      2f
        READ_CLOCK vvar + VVAR_WALL(%rip)
        DIVIDE  SECOND
        test    %rdi, %rdi
        jz      1f
        mov     %rax, (%rdi)
1:      ret
2:      ASK_KERNEL NR_time
        END     time

/* int clock_getres(clockid_t edi, struct timespec *rsi) */
        FUNCTION clock_getres
        cmp     $CLOCKS_END, %edi
        jae     3f
        mov     $CLOCKS_HERE, %eax
        bt      %edi, %eax
        jnc     3f
        test    %rsi, %rsi
        jz      2f
        mov     $1, %edx
        mov     $CLOCKS_COARSE, %eax
        bt      %edi, %eax
        jnc     1f
        mov     $COARSE_NS, %edx
1:      movq    $0, (%rsi)
        mov     %rdx, 8(%rsi)
2:      xor     %eax, %eax
        ret
3:      ASK_KERNEL NR_clock_getres
        END     clock_getres

/* int getcpu(unsigned *rdi, unsigned *rsi, void *)
 * The limit of one segment holds the processor's number, and the node's above it. */
        FUNCTION getcpu
        mov     $CPU_NODE, %eax
        lsl     %eax, %eax
        test    %rdi, %rdi
        jz      1f
        mov     %eax, %edx
        and     $CPU_MASK, %edx
        mov     %edx, (%rdi)
1:      test    %rsi, %rsi
        jz      2f
        shr     $NODE_SHIFT, %eax
        mov     %eax, (%rsi)
2:      xor     %eax, %eax
        ret
        END     getcpu

        .include "note.inc"
