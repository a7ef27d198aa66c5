/* compute ROUNDS [PARTS]: works for about a million instructions in each round.
 *
 * PARTS is a sum of 1 arithmetic, 2 memory, 4 calls, 8 branches, 16 vectors; without it all. In
 * a round of all, each part has about a fifth of the instructions. Nothing here is written for
 * an emulator: blocks are as long, and branches as frequent, as a compiler makes them of such code.
 */
#include "program.h"

enum { ARITHMETIC = 1, MEMORY = 2, CALLS = 4, BRANCHES = 8, VECTORS = 16, ALL = 31 };
enum { SIEVE = 4096, CHAIN = 2048, SAMPLES = 64, TEXT = 1024 };

typedef float vector __attribute__((vector_size(16)));
typedef byte bytes __attribute__((vector_size(16)));
typedef char signs __attribute__((vector_size(16)));

static byte composite[SIEVE];
static word chain[CHAIN];
static vector samples[SAMPLES];
static bytes text[TEXT];

/* A hash of consecutive numbers: multiplications, shifts, rotations; one long block. */
static __attribute__((noinline)) number arithmetic(number seed, number count)
{
    for (number i = 0; i < count; i++) {
        seed ^= i;
        seed *= 0x9e3779b97f4a7c15;
        seed ^= seed >> 29;
        seed = (seed << 17 | seed >> 47) + 0x165667b1;
    }
    return seed;
}

/* Stores and loads: a sieve of primes, then a walk along a chain of indices. */
static __attribute__((noinline)) number memory(number steps)
{
    number primes = 0;
    for (number i = 0; i < SIEVE; i++)
        composite[i] = 0;
    for (number i = 2; i < SIEVE; i++) {
        if (composite[i])
            continue;
        primes++;
        for (number j = 2 * i; j < SIEVE; j += i)
            composite[j] = 1;
    }
    word at = 0;
    for (number i = 0; i < steps; i++)
        at = chain[at] + (primes & 1);
    return primes + at;
}

/* A tree of real calls: stack traffic, returns, blocks of a few instructions. */
static __attribute__((noinline, optimize("no-optimize-sibling-calls,no-inline,no-ipa-cp,no-ipa-sra")))
number calls(number depth)
{
    return depth < 2 ? depth : calls(depth - 1) + calls(depth - 2);
}

/* Branches that depend on data: the lengths of Collatz sequences. */
static __attribute__((noinline)) number branches(number from, number to)
{
    number longest = 0;
    for (number start = from; start < to; start++) {
        number length = 0;
        for (number n = start; n > 1; length++) {
            if (n & 1)
                n = 3 * n + 1;
            else
                n /= 2;
        }
        if (length > longest)
            longest = length;
    }
    return longest;
}

/* SSE as libc and compilers use it: a search sixteen bytes at a time, and some floating point. */
static __attribute__((noinline)) number vectors(number passes)
{
    vector sum = {0, 0, 0, 0};
    number found = 0;

    for (number pass = 0; pass < passes; pass++) {
        const bytes wanted = (bytes){0} + (byte)pass;
        for (number i = 0; i < TEXT; i++)
            found += (number)__builtin_ia32_pmovmskb128((signs)(text[i] == wanted));
        for (number i = 0; i < SAMPLES; i++) {
            vector x = samples[i] * 0.5f + 1.0f;
            samples[i] = x;
            sum += x * x;
        }
    }
    return found + (number)sum[0];
}

static void prepare(void)
{
    for (word i = 0; i < CHAIN; i++)
        chain[i] = (i * 1021 + 77) % (CHAIN - 1);
    for (word i = 0; i < SAMPLES; i++)
        samples[i] = (vector){1, 2, 3, (float)i};
    for (word i = 0; i < TEXT; i++)
        text[i] = (bytes){0} + (byte)(7 * i);
}

void run(const number *stack)
{
    number rounds = argument(stack, 1, 1);
    number parts = argument(stack, 2, ALL);
    number sum = 0;

    prepare();
    while (rounds--) {
        if (parts & ARITHMETIC)
            sum += arithmetic(sum, 20000);
        if (parts & MEMORY)
            sum += memory(30000);
        if (parts & CALLS)
            sum += calls(19);
        if (parts & BRANCHES)
            sum += branches(1000, 1450);
        if (parts & VECTORS)
            sum += vectors(26);
    }
    leave(sum);
}
