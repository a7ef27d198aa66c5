/* getpid COUNT: asks for its own process number COUNT times, by one way into the kernel.
 *
 * MECHANISM names the way: syscall_64, int80_64, int80_32, sysenter_32. A turn of the loop is the
 * call number, the crossing, and two instructions of the loop; SYSENTER needs its frame besides.
 */
#if defined(__x86_64__)
# define POINTER        8
# define SP             %rsp
# define AX             %rax
# define SI             %rsi
# define BX             %rbx
#else
# define POINTER        4
# define SP             %esp
# define AX             %eax
# define SI             %esi
# define BX             %ebx
#endif

#define syscall_64      1
#define int80_64        2
#define int80_32        3
#define sysenter_32     4

        .globl  _start
_start:                                 /* ring 3; the stack holds argc, then argv */
        xor     %ebx, %ebx
        cmpl    $2, (SP)
        jb      leave
        mov     2 * POINTER(SP), SI     /* argv[1] */
        xor     %eax, %eax
digit:  movb    (SI), %al
        test    %al, %al
        jz      parsed
        sub     $'0', %eax
        imul    $10, BX, BX
        add     AX, BX
        inc     SI
        jmp     digit
parsed: test    BX, BX
        jz      leave

again:
#if MECHANISM == syscall_64
        mov     $39, %eax               /* getpid in the x86-64 table */
        syscall
#elif MECHANISM == int80_64 || MECHANISM == int80_32
        mov     $20, %eax               /* getpid in the i386 table */
        int     $0x80
#elif MECHANISM == sysenter_32
        mov     $20, %eax
        call    fast_call
#else
# error "no such mechanism"
#endif
        dec     BX
        jnz     again

leave:
#if MECHANISM == syscall_64
        xor     %edi, %edi
        mov     $60, %eax
        syscall
#else
        xor     %ebx, %ebx
        mov     $1, %eax
        int     $0x80
#endif
        hlt                             /* nobody: exit does not return */

#if MECHANISM == sysenter_32
/* The kernel returns to its landing pad, which pops what is pushed here and returns to the loop. */
fast_call:
        push    %ecx
        push    %edx
        push    %ebp
        mov     %esp, %ebp
        sysenter
#endif
