/* touch PAGES ORDER: maps PAGES pages of anonymous memory and stores one byte into each.
 *
 * ORDER is 0 for upwards, as a program fills an array; 1 for scattered, as it fills a hash table.
 * Every first touch of a page is a page fault, unless the kernel made the page ahead. The address
 * is fixed, so that a rig without system calls can give the pages too.
 */
#include "program.h"

enum { NR_MMAP = 9, PROT_READ_WRITE = 3, MAP_PRIVATE_FIXED_ANONYMOUS = 0x32, PAGE = 4096 };
enum { STRIDE = 7919 }; /* a prime: PAGES must not be a multiple of it */

static byte *const memory = (byte *)0x1000000000;

static void map(number size)
{
    number result = NR_MMAP;
    register number flags __asm__("r10") = MAP_PRIVATE_FIXED_ANONYMOUS;
    register number descriptor __asm__("r8") = (number)-1;
    register number offset __asm__("r9") = 0;

    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(memory), "S"(size), "d"(PROT_READ_WRITE), "r"(flags), "r"(descriptor),
                       "r"(offset)
                     : "rcx", "r11", "memory");
}

void run(const number *stack)
{
    number pages = argument(stack, 1, 0);
    number stride = argument(stack, 2, 0) ? STRIDE : 1;

    if (pages) {
        map(pages * PAGE);
        for (number i = 0, page = 0; i < pages; i++, page = (page + stride) % pages)
            ((volatile byte *)memory)[page * PAGE] = 1;
    }
    leave(0);
}
