/*
 * exit(42) by libc's syscall(): which way into the kernel it takes is the library's business.
 *
 *     gcc glibc_syscall.c                   libc uses SYSCALL
 *     gcc -m32 glibc_syscall.c              libc calls the vDSO's entry, or uses `int $0x80`
 *     (either with -static as well)
 *
 * SYS_exit is 60 or 1, as the ABI has it. This is the bare system call: no atexit handler runs and nothing
 * that stdio still buffers is written.
 */
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    syscall(SYS_exit, 42);      /* who runs next: libc, then the kernel, for good */
    return 1;                   /* nobody comes here */
}
