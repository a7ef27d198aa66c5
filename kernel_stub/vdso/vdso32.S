/* vdso32.S - the vDSO of 32-bit programs: the way into the kernel, signal returns, and the time.
 *
 * Ring 3, 32-bit. `__kernel_vsyscall` is called with a system call's registers set; what it does
 * in the middle is chosen when the kernel starts, from what the processor has.
 * SYSENTER saves nothing, so the kernel cannot know where to return: it always returns to
 * `landing_pad`, which takes from the program's stack what was put there. A program that uses
 * SYSENTER by itself does what `__kernel_vsyscall` does.
 * The clocks are those of vdso64.S; a 64-bit quotient needs two divisions.
 * vdso(7); clock_gettime(2); SDM 2B, "SYSENTER"; APM 3, "SYSCALL".
 */
        .include "vdso32.inc"

        .macro  FUNCTION name
        .globl  \name
        .type   \name, @function
\name:
        .cfi_startproc
        .endm

        .macro  END name
        .cfi_endproc
        .size   \name, . - \name
        .endm

        .text

        FUNCTION __kernel_vsyscall
        push    %ecx
        .cfi_adjust_cfa_offset 4
        push    %edx
        .cfi_adjust_cfa_offset 4
        push    %ebp
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset ebp, 0
        .globl  fast_call
fast_call:
        .nops   4                       /* or: mov %esp, %ebp; sysenter. or: mov %ecx, %ebp; syscall */
        int     $0x80                   /* also what a restarted call runs */
        .globl  landing_pad
landing_pad:
        pop     %ebp
        .cfi_adjust_cfa_offset -4
        .cfi_restore ebp
        pop     %edx
        .cfi_adjust_cfa_offset -4
        pop     %ecx
        .cfi_adjust_cfa_offset -4
        ret
        END     __kernel_vsyscall

/* Where a signal handler returns to: these two are no functions, and debuggers know their bytes. */
        .globl  __kernel_sigreturn
        .type   __kernel_sigreturn, @function
        nop
__kernel_sigreturn:
        pop     %eax
        mov     $NR_sigreturn, %eax
        int     $0x80
        .size   __kernel_sigreturn, . - __kernel_sigreturn

        .globl  __kernel_rt_sigreturn
        .type   __kernel_rt_sigreturn, @function
        nop
__kernel_rt_sigreturn:
        mov     $NR_rt_sigreturn, %eax
        int     $0x80
        .size   __kernel_rt_sigreturn, . - __kernel_rt_sigreturn

/* What of the fast call stands where, for the kernel to choose from: 4 bytes each. */
        .globl  with_sysenter, with_syscall
with_sysenter:
        mov     %esp, %ebp
        sysenter
with_syscall:
        mov     %ecx, %ebp
        syscall

/* ecx = a clock; edx:eax = what it shows. Carry: the kernel must be asked. */
        .type   read_clock, @function
read_clock:
        .cfi_startproc
        push    %ebx
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset ebx, 0
        push    %esi
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset esi, 0
        call    1f
1:      pop     %ebx
        cmp     $CLOCKS_END, %ecx
        jae     4f
        mov     $CLOCKS_HERE, %eax
        bt      %ecx, %eax
        jnc     4f
        cmpl    $0, vvar + VVAR_MODE - 1b(%ebx)
        je      4f
        mov     $CLOCKS_WALL, %eax
        bt      %ecx, %eax
        jnc     2f
        add     $(VVAR_WALL - VVAR_UPTIME), %ebx
2:      rdtsc
        add     vvar + VVAR_UPTIME - 1b(%ebx), %eax
        adc     vvar + VVAR_UPTIME + 4 - 1b(%ebx), %edx
        mov     $CLOCKS_COARSE, %esi
        bt      %ecx, %esi
        jnc     3f
        mov     %eax, %ebx
        mov     %edx, %esi
        mov     %edx, %eax
        xor     %edx, %edx
        mov     $COARSE_NS, %ecx
        div     %ecx
        mov     %ebx, %eax
        div     %ecx
        mov     %ebx, %eax
        sub     %edx, %eax
        mov     %esi, %edx
        sbb     $0, %edx
3:      clc
        jmp     5f
4:      stc
5:      pop     %esi
        .cfi_adjust_cfa_offset -4
        .cfi_restore esi
        pop     %ebx
        .cfi_adjust_cfa_offset -4
        .cfi_restore ebx
        ret
        .cfi_endproc
        .size   read_clock, . - read_clock

/* edx:eax nanoseconds = edx:eax seconds and ecx nanoseconds. */
        .type   split, @function
split:
        .cfi_startproc
        push    %ebx
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset ebx, 0
        mov     %eax, %ebx
        mov     %edx, %eax
        xor     %edx, %edx
        mov     $SECOND, %ecx
        div     %ecx
        xchg    %eax, %ebx
        div     %ecx
        mov     %edx, %ecx
        mov     %ebx, %edx
        pop     %ebx
        .cfi_adjust_cfa_offset -4
        .cfi_restore ebx
        ret
        .cfi_endproc
        .size   split, . - split

/* The system call itself, with the function's two or three arguments. */
        .macro  ASK_KERNEL number, arguments=2
        push    %ebx
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset ebx, 0
        mov     8(%esp), %ebx
        .if     \arguments >= 2
        mov     12(%esp), %ecx
        .endif
        mov     $\number, %eax
        call    __kernel_vsyscall
        pop     %ebx
        .cfi_adjust_cfa_offset -4
        .cfi_restore ebx
        ret
        .endm

/* int clock_gettime(clockid_t, struct timespec *), of two words */
        FUNCTION __vdso_clock_gettime
        mov     4(%esp), %ecx
        call    read_clock
        jc      1f
        call    split
        mov     8(%esp), %edx
        mov     %eax, (%edx)
        mov     %ecx, 4(%edx)
        xor     %eax, %eax
        ret
1:      ASK_KERNEL NR_clock_gettime
        END     __vdso_clock_gettime

/* int clock_gettime64(clockid_t, struct timespec64 *), of two 64-bit numbers */
        FUNCTION __vdso_clock_gettime64
        mov     4(%esp), %ecx
        call    read_clock
        jc      1f
        call    split
        push    %ebx
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset ebx, 0
        mov     12(%esp), %ebx
        mov     %eax, (%ebx)
        mov     %edx, 4(%ebx)
        mov     %ecx, 8(%ebx)
        movl    $0, 12(%ebx)
        pop     %ebx
        .cfi_adjust_cfa_offset -4
        .cfi_restore ebx
        xor     %eax, %eax
        ret
1:      ASK_KERNEL NR_clock_gettime64
        END     __vdso_clock_gettime64

/* int gettimeofday(struct timeval *, struct timezone *) */
        FUNCTION __vdso_gettimeofday
        xor     %ecx, %ecx              /* CLOCK_REALTIME */
        call    read_clock
        jc      3f
        call    split
        cmpl    $0, 4(%esp)
        je      1f
        mov     4(%esp), %edx
        mov     %eax, (%edx)
        mov     %ecx, %eax
        xor     %edx, %edx
        mov     $1000, %ecx
        div     %ecx
        mov     4(%esp), %edx
        mov     %eax, 4(%edx)
1:      mov     8(%esp), %edx
        test    %edx, %edx
        jz      2f
        movl    $0, (%edx)              /* UTC */
        movl    $0, 4(%edx)
2:      xor     %eax, %eax
        ret
3:      ASK_KERNEL NR_gettimeofday
        END     __vdso_gettimeofday

/* time_t time(time_t *), of one word */
        FUNCTION __vdso_time
        xor     %ecx, %ecx
        call    read_clock
        jc      2f
        call    split
        mov     4(%esp), %edx
        test    %edx, %edx
        jz      1f
        mov     %eax, (%edx)
1:      ret
2:      ASK_KERNEL NR_time, 1
        END     __vdso_time

/* int clock_getres(clockid_t, struct timespec *), of two words */
        FUNCTION __vdso_clock_getres
        mov     4(%esp), %ecx
        cmp     $CLOCKS_END, %ecx
        jae     3f
        mov     $CLOCKS_HERE, %eax
        bt      %ecx, %eax
        jnc     3f
        mov     8(%esp), %edx
        test    %edx, %edx
        jz      2f
        movl    $0, (%edx)
        movl    $1, 4(%edx)
        mov     $CLOCKS_COARSE, %eax
        bt      %ecx, %eax
        jnc     2f
        movl    $COARSE_NS, 4(%edx)
2:      xor     %eax, %eax
        ret
3:      ASK_KERNEL NR_clock_getres
        END     __vdso_clock_getres

/* int getcpu(unsigned *, unsigned *, void *): as in vdso64.S */
        FUNCTION __vdso_getcpu
        mov     $CPU_NODE, %eax
        lsl     %eax, %eax
        mov     4(%esp), %ecx
        test    %ecx, %ecx
        jz      1f
        mov     %eax, %edx
        and     $CPU_MASK, %edx
        mov     %edx, (%ecx)
1:      mov     8(%esp), %ecx
        test    %ecx, %ecx
        jz      2f
        shr     $NODE_SHIFT, %eax
        mov     %eax, (%ecx)
2:      xor     %eax, %eax
        ret
        END     __vdso_getcpu

        .include "note.inc"
