/*
 * hello, world by the C library, linked dynamically: before main runs, the kernel has loaded two
 * files, this program and its interpreter (ld.so), and the interpreter has mapped libc.
 *
 * The crossing itself is far away: puts fills a buffer, exit flushes it, and write's wrapper in
 * libc executes SYSCALL.
 */
#include <stdio.h>

int main(void)
{
    puts("hello, world by glibc");
    return 0;
}
