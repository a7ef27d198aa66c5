/*
 * exit(42) by SYSCALL, the 64-bit way into Linux.
 *
 *     gcc fast_syscall_64.c                 the real thing
 *     gcc -m32 fast_syscall_64.c            falls back to `int $0x80`, see below
 *     (either with -static as well)
 *
 * SYSCALL reads no table in memory. It takes the kernel's entry point from a model-specific register (LSTAR),
 * puts the return address into RCX and the flags into R11, and leaves the stack alone: the kernel's
 * first instructions run in ring 0 on the user's stack pointer.
 */
int main(void)
{
#ifdef __x86_64__
    __asm__ volatile("syscall"                  /* who runs next: the kernel at LSTAR, for good */
                     : : "a"(60L), "D"(42L)     /* rax: exit in the x86_64 table; rdi: its argument */
                     : "rcx", "r11", "memory"); /* what SYSCALL itself overwrites */
#else
    /* In 32-bit code SYSCALL exists on AMD's processors only (Intel's raise #UD), and SYSENTER under a
       64-bit kernel on Intel's only. `int $0x80` is what both have. */
    __asm__ volatile("int $0x80" : : "a"(1), "b"(42) : "memory");
#endif
    return 1;                                   /* nobody comes here */
}
