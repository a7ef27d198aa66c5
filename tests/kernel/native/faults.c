/* What a handler learns of each kind of fault: signal, code, address; trap, error code and CR2. */
#include "claims.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

unsigned long resume, place, given;
static char *page, *readonly, *nothing, *beyond, *unexecutable;
static volatile int happened, keep_address;

#ifdef __x86_64__
#define W "q"
#define WORD "8"
#define SP "rsp"
#define AX "%%rax"
#define DX "%%rdx"
#define REG_PC REG_RIP
#define FLAGS(uc) ((uc)->uc_mcontext.gregs[REG_EFL])
#define CR2(uc) ((unsigned long)(uc)->uc_mcontext.gregs[REG_CR2])
#else
#define W "l"
#define WORD "4"
#define SP "esp"
#define AX "%%eax"
#define DX "%%edx"
#define REG_PC REG_EIP
#define FLAGS(uc) ((uc)->uc_mcontext.gregs[REG_EFL])
#define CR2(uc) ((uc)->uc_mcontext.cr2)
#endif

static void named(const char *what, unsigned long address)
{
	struct { char *name; unsigned long start, size; } known[] = {
		{ "null", 0, 1 }, { "page", (long)page, 4096 }, { "readonly", (long)readonly, 4096 },
		{ "nothing", (long)nothing, 4096 }, { "beyond", (long)beyond, 4096 },
		{ "unexecutable", (long)unexecutable, 4096 }, { "instruction", place, 1 },
		{ "given", given, 64 }, { "behind", resume, 1 }, { "inside", place, 16 },
	};

	for (int i = 0; i < sizeof known / sizeof *known; i++)
		if (address - known[i].start < known[i].size) {
			printf(" %s=%s+%ld", what, known[i].name, address - known[i].start);
			return;
		}
	printf(" %s=elsewhere", what);
}

static void handler(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *regs = uc->uc_mcontext.gregs;

	asm volatile("pushf\n andl $~0x40000, (%%" SP ")\n popf" ::: "memory", "cc"); /* AC stays set */
	if (signal == SIGUSR1) { /* sent by somebody: its frame tells the last fault */
		printf("trap %ld error %lx", (long)regs[REG_TRAPNO], (long)regs[REG_ERR]);
		named("cr2", CR2(uc));
		puts("");
		return;
	}
	printf("signal %d code %d errno %d", signal, info->si_code, info->si_errno);
	named("addr", (unsigned long)info->si_addr);
	named("pc", regs[REG_PC]);
	printf(" trap %ld error %lx", (long)regs[REG_TRAPNO], (long)regs[REG_ERR]);
	if (regs[REG_TRAPNO] == 14)
		named("cr2", CR2(uc));
	printf(" flags %lx\n", (long)FLAGS(uc) & 0x50100);
	regs[REG_PC] = resume;
	FLAGS(uc) &= ~0x40100L;
	happened = 1;
}

#define FAULT(text) do { \
	printf("%s: ", #text); \
	happened = 0; \
	asm volatile("mov" W " $1f, resume\n\tmov" W " $2f, place\n2:\t" text "\n1:" \
		:: "a"(given), "d"(0L) : "memory", "ecx"); \
	if (!happened) \
		puts("nothing"); \
	} while (0)
#define AT(address, text) (given = (unsigned long)(address), printf("%s ", #address)); FAULT(text)

static void arithmetic(void)
{
	AT(5, "xor %%ecx, %%ecx\n idivl %%ecx");
	AT(0x80000000, "cltd\n mov $-1, %%ecx\n idivl %%ecx");
	AT(0, "ldmxcsr unmasked\n xorps %%xmm0, %%xmm0\n movss one, %%xmm1\n divss %%xmm0, %%xmm1");
	AT(0, "ldmxcsr masked");
}

unsigned unmasked = 0x1d80, masked = 0x1f80;
float one = 1;

static void instructions(void)
{
	AT(0, "ud2");
	AT(0, "ud0 %%eax, %%eax");
	AT(0, "int3");
	AT(0, "int $3");
	AT(0, "int $4");
	AT(0, "int $5");
	AT(0, "int $0x99");
	AT(0, "int $14");
	AT(0, "hlt");
	AT(0, "cli");
	AT(0, "in %%dx, %%al");
	AT(0, "mov %%cr0, " AX);
	AT(0, "wrmsr");
	AT(0, "clts");
	AT(0, "ltr %%ax");
	AT(0x1234, "mov %%eax, %%ds");
	AT(0x1237, "mov %%eax, %%es");
	AT(0x08, "mov %%eax, %%fs");
	AT(0, "mov %%eax, %%ss");
	AT(0x13, "mov %%eax, %%ss");
#ifdef __i386__
	AT(0, "mov $0x7fffffff, %%ecx\n add $1, %%ecx\n into");
	AT(5, " bound %%eax, bounds");
	AT(15, " bound %%eax, bounds");
	AT(0, "push $0x1234\n pop %%ds\n");
	asm volatile("add $4, %esp");
	AT(0, "mov %%ss, %%ecx\n push $0\n popf\n .byte 0xd6");
#else
	AT(0, ".byte 0x06");
	AT(0x8000000000000000, "mov (%%rax), %%rcx");
	AT(0x8000000000000000, "mov %%cl, (%%rax)");
	AT(0x8000000000000000, "mov %%rbp, %%rcx\n mov %%rax, %%rbp\n mov (%%rbp), %%rdx\n"
		"1: mov %%rcx, %%rbp");
	AT(0x8000000000000000, "push (%%rax)");
	AT(0x8000000000000000, "jmp *%%rax");
	AT(0xffff800000000000, "mov (%%rax), %%rcx");
	AT(0xffffffffff600000, "mov (%%rax), %%rcx");
#endif
	AT(0, "pushf\n orl $0x100, (%%" SP ")\n popf\n nop\n nop\n nop");
	AT(0, "pushf\n orl $0x100, (%%" SP ")\n popf\n xor %%ecx, %%ecx\n nop");
}

int bounds[2] = { 1, 10 };

static void memory(void)
{
	AT(nothing, "mov (" AX "), %%ecx");
	AT(nothing + 100, "mov %%ecx, (" AX ")");
	AT(readonly, "mov (" AX "), %%cl");
	AT(readonly + 8, "mov %%cl, (" AX ")");
	AT(readonly + 4094, "mov %%ecx, (" AX ")");
	AT(page + 4094, "mov (" AX "), %%ecx");
	AT(nothing, "call *" AX "\n1: lea " WORD "(%%" SP "), %%" SP);
	AT(unexecutable, "mov (" AX "), %%ecx");
	AT(unexecutable, "jmp *" AX);
	AT(beyond, "mov (" AX "), %%ecx");
	AT(beyond + 77, "mov %%ecx, (" AX ")");
	AT(beyond - 1, "mov (" AX "), %%cl");
	AT(16, "mov (" AX "), %%ecx");
	AT(0, "mov (" AX "), %%ecx");
	AT(-8, "mov (" AX "), %%ecx");
	AT(-8, "mov %%ecx, (" AX ")");
	raise(SIGUSR1);
	AT(page, "fxrstor 1(" AX ")");
	AT(page, "pushf\n orl $0x40000, (%%" SP ")\n popf\n mov 1(" AX "), %%ecx\n"
		"1: pushf\n andl $~0x40000, (%%" SP ")\n popf");
}

static void unmapped(void)
{
	char name[] = "/tmp/beyond-XXXXXX";
	int file = mkstemp(name);
	char *all = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	unlink(name);
	ftruncate(file, 10);
	page = all;
	nothing = all + 4096;
	readonly = all + 2 * 4096;
	unexecutable = all + 4 * 4096;
	munmap(nothing, 4096);
	mprotect(readonly, 4096, PROT_READ);
	mprotect(readonly + 4096, 4096, PROT_NONE);
	beyond = mmap(all + 6 * 4096, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
	beyond += 4096;
	AT(readonly + 4096, "mov (" AX "), %%ecx");
}

int main(void)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGUSR1 };

	for (int i = 0; i < 6; i++)
		sigaction(signals[i], &a, NULL);
	setvbuf(stdout, NULL, _IOLBF, 4096);
	unmapped();
	arithmetic();
	instructions();
	memory();
	raise(SIGUSR1);
	return 0;
}
