/* A handler edits its frame: what sigreturn takes, what it ignores, and what ends the program. */
#include "claims.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

#ifdef __x86_64__
#define REG_PC REG_RIP
#define REG_STACK REG_RSP
#define SP "rsp"
#define AX "rax"
typedef unsigned long long word;
#else
#define REG_PC REG_EIP
#define REG_STACK REG_ESP
#define SP "esp"
#define AX "eax"
typedef unsigned int word;
#endif

enum { CS, SS, DS, ES, FS, GS, NONE };
static const char *names[] = { "cs", "ss", "ds", "es", "fs", "gs" };
static int selector = NONE, how;
static word value, flags_to_set, flags_to_clear;
static volatile int second_signal;

static void put(ucontext_t *uc, int which, word new)
{
	greg_t *regs = uc->uc_mcontext.gregs;

#ifdef __x86_64__
	unsigned short *four = (unsigned short *)&regs[REG_CSGSFS];

	if (which == CS)
		four[0] = new;
	else if (which == GS)
		four[1] = new;
	else if (which == FS)
		four[2] = new;
	else if (which == SS)
		four[3] = new;
#else
	int places[] = { REG_CS, REG_SS, REG_DS, REG_ES, REG_FS, REG_GS };

	regs[places[which]] = new;
#endif
}

static void edit(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *regs = uc->uc_mcontext.gregs;

	if (selector != NONE)
		put(uc, selector, value);
	if (how == 'p')
		regs[REG_PC] = value;
	if (how == 's')
		regs[REG_STACK] = value;
	if (how == 'm')
		sigaddset(&uc->uc_sigmask, SIGUSR2);
	if (how == 'k')
		sigaddset(&uc->uc_sigmask, SIGKILL);
	if (how == 'f')
		uc->uc_mcontext.fpregs = (void *)(long)value;
	if (how == 'l')
		uc->uc_link = (void *)8;
	if (how == 'u')
		uc->uc_flags = value;
	if (how == 'a')
		regs[REG_ERR] = regs[REG_TRAPNO] = -1;
	regs[REG_EFL] |= flags_to_set;
	regs[REG_EFL] &= ~flags_to_clear;
}

/* The edited frame leads to a fault: told with its code, then the child ends. */
static void tell(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *regs = uc->uc_mcontext.gregs;
	char text[200];

	asm volatile("pushf\n andl $~0x40500, (%%" SP ")\n popf" ::: "memory", "cc");
	snprintf(text, sizeof text, "signal %d code %d addr %d trap %ld error %lx pc %s\n", signal,
		info->si_code, info->si_addr != NULL, (long)regs[REG_TRAPNO], (long)regs[REG_ERR],
		regs[REG_PC] == value ? "asked" : "other");
	write(1, text, strlen(text));
	_exit(9);
}

static void install(int signal, void *handler)
{
	struct sigaction a = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

	a.sa_sigaction = handler;
	sigaction(signal, &a, NULL);
}

static word flags_after;

/* AX = the flags, SI = DS, DX = ES; a null DS is not used before SS, which must be good, replaces it. */
#define AFTER "pushf\n pop %%" AX "\n mov %%ds, %%esi\n mov %%es, %%edx\n" \
	"mov %%ss, %%ecx\n mov %%ecx, %%ds\n mov %%ecx, %%es\n"

static void child(void)
{
	static char area[65536];
	stack_t s = { .ss_sp = area, .ss_size = sizeof area };
	int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
	word number = SYS_tkill, first = getpid(), c = SIGUSR1, d;
	unsigned short f, g, cs, stack;

	sigaltstack(&s, NULL);
	install(SIGUSR1, edit);
	for (int i = 0; i < 5; i++)
		install(faults[i], tell);
	fflush(stdout);
#ifdef __x86_64__
	asm volatile("xor %%edx, %%edx\n syscall\n" AFTER : "+a"(number), "+D"(first), "+S"(c), "=d"(d)
		: : "rcx", "r11", "memory");
#else
	asm volatile("xor %%edx, %%edx; push %%ebx; mov %%edi, %%ebx; mov %%esi, %%ecx; int $0x80\n pop %%ebx\n" AFTER
		: "+a"(number), "+D"(first), "+S"(c), "=d"(d) : : "ecx", "memory");
#endif
	asm volatile("pushf\n andl $~0x40500, (%%" SP ")\n popf" ::: "memory", "cc");
	asm("mov %%fs, %0" : "=r"(f));
	asm("mov %%gs, %0" : "=r"(g));
	asm("mov %%cs, %0" : "=r"(cs));
	asm("mov %%ss, %0" : "=r"(stack));
	flags_after = number;
	printf("goes on: cs %x ss %x ds %x es %x fs %x", cs, stack, (int)c, (int)d, f);
#ifdef __x86_64__
	printf(" gs %x", g);
#endif
	printf(" flags %lx\n", (long)flags_after & 0x3f7fd5);
	fflush(stdout);
	_exit(0);
}

static void run(const char *what)
{
	int status;

	printf("%s: ", what);
	fflush(stdout);
	if (!fork())
		child();
	wait(&status);
	if (!WIFEXITED(status) || WEXITSTATUS(status) && WEXITSTATUS(status) != 9)
		printf("status %x\n", status & ~0x80);
	selector = NONE;
	flags_to_set = flags_to_clear = how = 0;
}

static void selectors(void)
{
	word values[] = { 0, 1, 3, 4, 0x10, 0x18, 0x1b, 0x20, 0x23, 0x28, 0x2b, 0x30, 0x33, 0x40,
		0x50, 0x63, 0x7b, 0x1234, 0xfffc };
	char text[50];

	for (int which = CS; which < NONE; which++) {
#ifdef __x86_64__
		if (which == DS || which == ES)
			continue;
#else
		if (which == GS)
			continue; /* it is the thread's own */
#endif
		for (int i = 0; i < sizeof values / sizeof *values; i++) {
			selector = which;
			value = values[i];
			if (which == CS && (value | 3) == (sizeof(long) == 8 ? 0x23 : 0x33))
				continue; /* the other mode: the code means something else there */
			if (which == SS && value == 0x63)
				continue; /* the thread's segment: where its stack is, chance says */
			sprintf(text, "%s = %x", names[which], (unsigned)value);
			run(text);
		}
	}
}

static void flags(void)
{
	struct { char *name; word bits; } rows[] = {
		{ "CF PF AF ZF SF", 0xd5 }, { "OF", 0x800 }, { "DF", 0x400 }, { "TF", 0x100 },
		{ "IOPL", 0x3000 }, { "NT", 0x4000 }, { "VM", 0x20000 },
		{ "AC", 0x40000 }, { "VIF", 0x80000 }, { "VIP", 0x100000 }, { "ID", 0x200000 },
	};

	for (int i = 0; i < sizeof rows / sizeof *rows; i++) {
		flags_to_set = rows[i].bits;
		run(rows[i].name);
	}
	flags_to_clear = 0x200;
	run("IF cleared");
	flags_to_clear = 0xcd5;
	run("all cleared");
}

static char zeros[4096] __attribute__((aligned(64))), ones[4096] __attribute__((aligned(64)));

static void places(void)
{
	memset(ones, 0xff, sizeof ones);
	struct { char *name; int how; word value; } rows[] = {
		{ "pc null", 'p', 0 }, { "pc in the stack", 'p', (long)&how },
		{ "stack null", 's', 0 }, { "stack odd", 's', 7 },
		{ "fpstate null", 'f', 0 }, { "fpstate bad", 'f', 8 }, { "fpstate odd", 'f', (long)zeros + 1 },
		{ "MXCSR reserved", 'f', (long)ones + 64 },
		{ "link", 'l', 0 }, { "uc_flags 0", 'u', 0 }, { "err and trapno", 'a', 0 },
#ifdef __x86_64__
		{ "pc not canonical", 'p', 0x8000000000000000 }, { "pc of the kernel", 'p', -4096 },
		{ "pc at the hole", 'p', 0x800000000000 },
		{ "stack not canonical", 's', 0x8000000000000000 },
		{ "fpstate of the kernel", 'f', -8192 },
#else
		{ "pc at the end", 'p', 0xfffffff0 }, { "fpstate at the end", 'f', 0xfffffff0 },
#endif
	};

	for (int i = 0; i < sizeof rows / sizeof *rows; i++) {
		how = rows[i].how;
		value = rows[i].value;
		run(rows[i].name);
	}
}

static void masks(void)
{
	sigset_t set;

	install(SIGUSR1, edit);
	how = 'm';
	raise(SIGUSR1);
	sigprocmask(0, NULL, &set);
	CLAIM(sigismember(&set, SIGUSR2));
	CLAIM(!sigismember(&set, SIGUSR1));
	how = 'k';
	raise(SIGUSR1);
	sigprocmask(0, NULL, &set);
	CLAIM(!sigismember(&set, SIGKILL));
	how = 0;
	/* A return without a frame. */
	fflush(stdout);
	if (!fork()) {
		asm volatile("and $~0xfff, %%" SP "\n mov %%" SP ", %%" SP ::: "memory");
		syscall(SYS_rt_sigreturn);
		_exit(5);
	}
	int status;
	wait(&status);
	CLAIM(WIFSIGNALED(status));
	/* Handlers that the kernel cannot start. */
	static char small[4096];
	stack_t s = { .ss_sp = small, .ss_size = 2048 };
	for (int i = 0; i < 3; i++) {
		fflush(stdout);
		if (!fork()) {
			if (i == 0) { /* the stack is full of frames */
				s.ss_size = 2048;
				sigaltstack(&s, NULL);
				install(SIGSEGV, tell);
				asm volatile("mov %0, %%" SP "\n ud2" :: "r"(small + 600));
			}
			if (i == 1) { /* no stack at all */
				install(SIGILL, edit);
				asm volatile("xor %%" "eax, %%" "eax\n mov %0, %%" SP "\n ud2" :: "r"(64L));
			}
			signal(SIGILL, (void *)0x10); /* a handler that is no code */
			asm volatile("ud2");
		}
		wait(&status);
		printf("status %x\n", status & ~0x80);
	}
}

int main(void)
{
	masks();
	selectors();
	flags();
	places();
	return 0;
}
