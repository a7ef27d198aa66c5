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
static volatile int code, other_code;
static unsigned long stops[64];
static char area[4096] __attribute__((aligned(64)));

static void trapped(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	if (number && info->si_code != code)
		other_code = info->si_code;
	code = info->si_code;
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

extern char int1[], behind_int1[];

/* INT1. A hypervisor may leave RIP at it, where a processor is behind it. */
static void by_int1(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	printf("int1: signal %d code %d trap %d error %d%s\n", signal, info->si_code,
		(int)regs[REG_TRAPNO], (int)regs[REG_ERR],
		info->si_addr == (void *)regs[IP] ? "" : ", another address");
	if (regs[IP] == (greg_t)int1)
		regs[IP] = (greg_t)behind_int1;
	else if (regs[IP] != (greg_t)behind_int1)
		printf("elsewhere\n");
}

static void __attribute__((noinline, noclone)) interrupt(void)
{
	asm volatile("int1: .byte 0xf1; behind_int1: nop");
}

static void interrupted(void)
{
	struct sigaction action = {.sa_sigaction = by_int1, .sa_flags = SA_SIGINFO};

	sigaction(SIGTRAP, &action, NULL);
	for (int i = 0; i < 3; i++)
		interrupt();
	printf("codes of steps: %d %d\n", code, other_code);
}

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
	interrupted();
	return 0;
}
