/* tasks WHAT COUNT: COUNT times, by WHAT, 0: fork, and wait for the child, which ends at once;
 * 1: the same, but the child runs /bin/true; 2: two processes send a futex to and fro; 3: two
 * processes yield to each other.
 */
#include "program.h"

enum { NR_MMAP = 9, NR_YIELD = 24, NR_FORK = 57, NR_EXEC = 59, NR_WAIT = 61, NR_FUTEX = 202 };
enum { READ_WRITE = 3, SHARED_ANONYMOUS = 0x21, WAIT = 0, WAKE = 1 };
enum { FORK, SPAWN, PING_PONG, YIELD };

static long call(number name, number first, number second, number third, number fourth,
                 number fifth)
{
    number result = name;
    register number r10 __asm__("r10") = fourth;
    register number r8 __asm__("r8") = fifth;
    register number r9 __asm__("r9") = 0;

    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return (long)result;
}

static void live_and_die(number what, const number *environment)
{
    static const char program[] = "/bin/true";
    static const char *const words[] = {program, 0};

    if (call(NR_FORK, 0, 0, 0, 0, 0) == 0) {
        if (what == SPAWN)
            call(NR_EXEC, (number)program, (number)words, (number)environment, 0, 0);
        leave(what == SPAWN);
    }
    call(NR_WAIT, (number)-1, 0, 0, 0, 0);
}

/* Whose turn it is stands in `turn`: 0 or 1. */
static void play(volatile word *turn, word me, number count)
{
    for (number i = 0; i < count; i++) {
        while (*turn != me)
            call(NR_FUTEX, (number)turn, WAIT, !me, 0, 0);
        *turn = !me;
        call(NR_FUTEX, (number)turn, WAKE, 1, 0, 0);
    }
}

static void together(number what, number count)
{
    volatile word *turn = (volatile word *)call(NR_MMAP, 0, 4096, READ_WRITE, SHARED_ANONYMOUS,
                                                (number)-1);
    long child = call(NR_FORK, 0, 0, 0, 0, 0);

    if (what == PING_PONG)
        play(turn, child == 0, count);
    else
        for (number i = 0; i < count; i++)
            call(NR_YIELD, 0, 0, 0, 0, 0);
    if (child == 0)
        leave(0);
    call(NR_WAIT, (number)-1, 0, 0, 0, 0);
}

void run(const number *stack)
{
    number what = argument(stack, 1, 0), count = argument(stack, 2, 0);

    if (what == PING_PONG || what == YIELD)
        together(what, count);
    else
        for (number i = 0; i < count; i++)
            live_and_die(what, stack + 2 + stack[0]);
    leave(0);
}
