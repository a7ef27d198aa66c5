/*
 * exit(42) by a software interrupt, from C.
 *
 *     gcc soft_irq_exit_i386.c              a 64-bit program that uses the 32-bit way in
 *     gcc -m32 soft_irq_exit_i386.c         a 32-bit program
 *     (either with -static as well)
 *
 * Linux answers `int $0x80` from the i386 table whoever asks: there exit is number 1. (In the 64-bit
 * table number 1 is write.) Only the low halves of the registers count, so a pointer would have to
 * lie below 4 GiB; exit takes none, and works from anywhere.
 */
int main(void)
{
    __asm__ volatile("int $0x80"                /* who runs next: the kernel, for good */
                     : : "a"(1), "b"(42)        /* eax: which call; ebx: its first argument */
                     : "memory");
    return 1;                                   /* nobody comes here */
}
