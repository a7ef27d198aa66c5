/* landing.S - one page of user code in every i386 program: where a fast system call returns to.
 *
 * Ring 3, 32-bit. SYSENTER saves nothing, so the kernel cannot know where to return; it always
 * returns to `landing_pad`, which takes from the program's stack what __kernel_vsyscall put there.
 * A program that uses SYSENTER by itself does what __kernel_vsyscall does.
 */
        .text
        .code32
        .globl  __kernel_vsyscall
__kernel_vsyscall:
        push    %ecx
        push    %edx
        push    %ebp
        mov     %esp, %ebp
        sysenter
        int     $0x80                   /* never reached: what restarts a call would run this */
        .globl  landing_pad
landing_pad:
        pop     %ebp
        pop     %edx
        pop     %ecx
        ret

/* Where handlers return to whose program named no restorer. ESP = the signal frame behind its
 * return address. */
        .globl  __kernel_sigreturn
__kernel_sigreturn:
        pop     %eax                    /* the signal's number */
        mov     $119, %eax
        int     $0x80

        .globl  __kernel_rt_sigreturn
__kernel_rt_sigreturn:
        mov     $173, %eax
        int     $0x80
