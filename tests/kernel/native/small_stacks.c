/* Stack segments of the LDT, of 16 bits and of 32: what the ways into the kernel leave of ESP. */
#include "claims.h"
#include <asm/ldt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

#ifdef __x86_64__
#define REG_PC REG_RIP
#define REG_STACK REG_RSP
#else
#define REG_PC REG_EIP
#define REG_STACK REG_ESP
#endif

/* 32-bit code, called far: EDI becomes ESP, ESI becomes SS, then comes a way into the kernel. EAX and
 * EBP are for it. ECX = ESP afterwards, EDX = SS. */
#define WAY(name, instructions) \
	__asm__(".text\n.code32\n" #name ": mov %ss, %edx; push %edx; mov %esp, %ebx; mov %esi, %ss; mov %edi, %esp\n" \
		instructions "\n mov %esp, %ecx; mov %ss, %edx; mov %cs:saved_ss, %ss; mov %ebx, %esp; pop %ebx; lret\n" \
		END_OF_32); \
	extern char name[];
#ifdef __x86_64__
#define END_OF_32 ".code64\n"
#else
#define END_OF_32 ""
#endif
static unsigned saved_ss __asm__("saved_ss") __attribute__((used)) = 0x2b;

WAY(nothing, "nop")
WAY(by_call, "int $0x80")
WAY(by_page, "mov %cs:saved_ss, %ds; mov %ebp, %ds:(%ebp)")
WAY(by_trap, "int3")
WAY(by_step, "nop; nop")
WAY(by_undefined, "ud2")

static const unsigned values[] = { 0x12345678, 0xffff8000, 0x8000, 0x7fff0ffc, 0xabcd0000, 0xffff };
static unsigned char low_stack[65536] __attribute__((aligned(16)));
static unsigned char other_stack[65536] __attribute__((aligned(64)));
static volatile int handler_does;
static volatile unsigned seen_sp;

static void segment(unsigned number, unsigned limit, unsigned bits)
{
	unsigned desc[4] = { number, 0, limit, bits };

	if (syscall(SYS_modify_ldt, 0x11, desc, sizeof desc))
		printf("no segment %u\n", number);
}

struct result { unsigned eax, esp, ss; };

static struct result go(const char *way, unsigned esp, unsigned ss, unsigned eax, unsigned ebp)
{
	struct { unsigned offset; unsigned short selector; } __attribute__((packed))
		where = { (unsigned)(unsigned long)way, 0x23 };
	struct result r;

#ifdef __x86_64__
	static unsigned char place[8];

	memcpy(place, &where, sizeof where);
	__asm__ volatile("push %%rbx; push %%rbp; mov %%rsp, %%r12; mov %5, %%rsp; mov %6, %%ebp; lcall *%7\n"
			 "mov %%r12, %%rsp; pop %%rbp; pop %%rbx"
			 : "=a"(r.eax), "=c"(r.esp), "=d"(r.ss), "+D"(esp), "+S"(ss)
			 : "r"(low_stack + sizeof low_stack), "r"(ebp), "m"(place), "0"(eax)
			 : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
#else
	static struct { unsigned offset, selector, ebp; } place;

	place.offset = where.offset;
	place.selector = where.selector;
	place.ebp = ebp;
	__asm__ volatile("push %%ebx; push %%ebp; mov %5, %%ebp; lcall *%6; pop %%ebp; pop %%ebx"
			 : "=a"(r.eax), "=c"(r.esp), "=d"(r.ss), "+D"(esp), "+S"(ss)
			 : "m"(place.ebp), "m"(place), "0"(eax) : "memory");
#endif
	return r;
}

static void ways(unsigned ss)
{
	char *fresh = mmap((void *)0x20000000, 1 << 16, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	struct result r;
	unsigned i;

	for (i = 0; i < sizeof values / sizeof *values; i++) {
		r = go(nothing, values[i], ss, 0, 0);
		printf("nothing: %#x %#x\n", r.esp, r.ss);
		r = go(by_call, values[i], ss, 20, 0);
		printf("int 0x80: %d %#x %#x\n", r.eax == getpid(), r.esp, r.ss);
		r = go(by_page, values[i], ss, 0, (unsigned)(unsigned long)fresh + 4096 * i);
		printf("#PF: %#x %#x\n", r.esp, r.ss);
		r = go(by_trap, values[i], ss, 0, 0);
		printf("int3, and a handler: %#x %#x, there %#x\n", r.esp, r.ss, seen_sp);
		handler_does = 'u';
		r = go(by_undefined, values[i], ss, 0, 0);
		printf("ud2, and a handler: %#x %#x, there %#x\n", r.esp, r.ss, seen_sp);
		handler_does = 's';	/* steps two instructions on */
		r = go(by_trap, values[i], ss, 0, 0);
		printf("TF: %#x %#x, there %#x\n", r.esp, r.ss, seen_sp);
	}
}

static void handle(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	seen_sp = regs[REG_STACK];
	if (handler_does == 'u')
		regs[REG_PC] += 2;
	if (handler_does == 's')
		regs[REG_EFL] |= 0x100;
	else
		regs[REG_EFL] &= ~0x100;
	if (handler_does == 'n')	/* the segment that IRET will load is not present any more */
		segment(1, 0xffff, 0x30);
	if (handler_does == 'c')	/* there is no such segment */
		segment(1, 0, 0x28);
	if (handler_does == 'r')	/* it cannot be written */
		segment(1, 0xffff, 0x12);
	handler_does = 0;
}

/* IRET refused the stack segment: told at the place to which it would have gone. */
static void tell(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	char text[200];

	snprintf(text, sizeof text, "signal %d code %d trap %d error %x sp %#x ax %#x pc %s\n", signal,
		info->si_code, (int)regs[REG_TRAPNO], (int)regs[REG_ERR], (unsigned)regs[REG_STACK],
#ifdef __x86_64__
		(unsigned)regs[REG_RAX],
#else
		(unsigned)regs[REG_EAX],
#endif
		regs[REG_PC] > (unsigned long)by_trap && regs[REG_PC] < (unsigned long)by_step ? "there" : "elsewhere");
	write(1, text, strlen(text));
	_exit(9);
}

static void install(int signal, void *handler)
{
	struct sigaction a = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

	a.sa_sigaction = handler;
	sigaction(signal, &a, NULL);
}

static void refused(unsigned ss, int how, int caught)
{
	int status;

	fflush(stdout);
	if (!fork()) {
		if (caught) {
			install(SIGSEGV, tell);
			install(SIGBUS, tell);
		}
		handler_does = how;
		go(by_trap, 0x12345678, ss, 0x77, 0);
		_exit(5);
	}
	wait(&status);
	printf("%c: status %x\n", how, status & ~0x80);
}

int main(void)
{
	stack_t s = { .ss_sp = other_stack, .ss_size = sizeof other_stack };
	int how;

#ifdef __x86_64__
	saved_ss = 0x2b;
#endif
	sigaltstack(&s, NULL);
	install(SIGTRAP, handle);
	install(SIGILL, handle);
	segment(0, 0xfffff, 0x11);	/* 32 bits */
	segment(1, 0xffff, 0x10);	/* 16 bits */
	segment(2, 0xffff, 0x11);
	ways(0x07);
	ways(0x0f);
	ways(0x17);
	for (how = 0; how < 3; how++) {
		refused(0x0f, "ncr"[how], 1);
		refused(0x0f, "ncr"[how], 0);
	}
	/* The tables that the child changed are its own. */
	ways(0x0f);
	return 0;
}
