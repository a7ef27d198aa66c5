/* Where single steps (TF) stop around instructions that the kernel or the engine treats specially. */
#include "claims.h"
#include <signal.h>
#include <ucontext.h>

#ifdef __x86_64__
#define SP "%%rsp"
#define TO "%%rdi"
#define IP REG_RIP
#define ADDRESS "lea 1b(%%rip), %%rbx"
#else
#define SP "%%esp"
#define TO "%%edi"
#define IP REG_EIP
#define ADDRESS "mov $1b, %%ebx"
#endif

static volatile int number;
static unsigned long stops[64];
static char area[4096] __attribute__((aligned(64)));

static void trapped(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	if (number < 64)
		stops[number++] = ((ucontext_t *)context)->uc_mcontext.gregs[IP];
}

static void report(const char *what, unsigned long first)
{
	printf("%s:", what);
	for (int i = 0; i < number; i++)
		printf(" %ld", (long)(stops[i] - first));
	printf("\n");
}

#define STEP(instructions) do { \
	unsigned long first; \
	number = 0; \
	asm volatile("pushf; orl $0x100, (" SP "); popf; nop; 1: " instructions "; nop; " \
		"pushf; andl $~0x100, (" SP "); popf; nop; " ADDRESS \
		: "=b"(first) : "D"(area), "a"(-1), "d"(0) : "memory", "ecx", "esi"); \
	report(#instructions, first); \
} while (0)

int main(void)
{
	struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
	sigaction(SIGTRAP, &action, NULL);
	asm volatile("fxsave (%0)" :: "r"(area) : "memory");
	asm volatile("call 3f; jmp 4f; 3: xor %%edx, %%edx; fxrstor (%0); ret; 4:"
		:: "D"(area) : "edx", "memory");
	STEP("nop");
	STEP("fxsave (" TO ")");
	STEP("fxrstor (" TO ")");
	STEP("call 3b");
	STEP("call 3b");
	STEP("rdtsc");
	STEP("mov %%gs, %%ecx; mov %%fs, %%ecx; mov %%ds, %%ecx");
	STEP("mov $3, %%ecx; rep stosb");
	STEP("mov %%ss, %%ecx; mov %%ecx, %%ss; nop");
	STEP("pushf; popf");
	STEP("mov $20, %%eax; mov $-1, %%ebx; int $0x80");
	return 0;
}
