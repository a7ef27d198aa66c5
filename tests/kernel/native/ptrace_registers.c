/* Registers of a tracee, by ptrace(2): what is seen, what may be set, in both structures. */
#include "tracing.h"
#include <asm/ldt.h>
#include <asm/prctl.h>

#define DEBUG(number) (offsetof(struct user, u_debugreg) + (number) * sizeof(long))

static volatile int watched, result;
static struct user_regs_struct regs, before;

extern char marked_begin[], marked_end[];
static void marked(void)
{
	asm volatile(".globl marked_begin, marked_end\n"
		     "mov $0x1111, %%esi\nmov $0x2222, %%edx\nstc\n"
		     "int3\nmarked_begin: nop\nnop\nmarked_end: nop\nmov %%esi, %0"
		     : "=m"(result) : : "esi", "edx", "cc");
	_exit(result & 0x7f);
}

/* A child at the mark. */
static pid_t at_mark(void)
{
	pid_t child = traced(marked);
	cont(PTRACE_CONT, child, 0, "at the mark");
	return child;
}

static void set(pid_t child, const char *name, long offset, unsigned long value)
{
	int code = ptrace(PTRACE_POKEUSER, child, offset, value) ? errno : 0;
	long now = peek_user(child, offset);
	printf("%s to %lx: %s, then %lx\n", name, value, code ? strerrorname_np(code) : "works", now);
}

static void general(void)
{
	pid_t child = at_mark();
	CALL(ptrace(PTRACE_GETREGS, child, 0, &regs));
#ifdef __x86_64__
	CLAIM(regs.rsi == 0x1111 && regs.rdx == 0x2222);
	CLAIM(regs.fs_base != 0 && regs.fs == 0 && regs.gs == 0 && regs.gs_base == 0);
	CLAIM(regs.ds == 0 && regs.es == 0);
	CALL(regs.cs);
	CALL(regs.ss);
#else
	CLAIM(regs.esi == 0x1111 && regs.edx == 0x2222);
	CALL(regs.xcs);
	CALL(regs.xss);
	CALL(regs.xds);
	CALL(regs.xes);
	CLAIM((regs.xgs & 7) == 3 && regs.xfs == 0);
#endif
	CLAIM(regs.ORIG_AX == -1);
	CLAIM(regs.eflags & 1);
	CLAIM(regs.IP == (unsigned long)marked_begin);
	before = regs;
	memset(&regs, 0, sizeof regs);
	struct iovec vector = {&regs, sizeof regs};
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &vector));
	CALL(vector.iov_len);
	CLAIM(!memcmp(&regs, &before, sizeof regs));
	char large[1000];
	vector = (struct iovec){large, sizeof large};
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &vector));
	CALL(vector.iov_len);
	vector.iov_len = 2 * sizeof(long);
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &vector));
	CALL(vector.iov_len);
	vector.iov_len = 0;
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &vector));
	for (unsigned i = 0; i < sizeof regs / sizeof(long); i++)
		if (peek_user(child, i * sizeof(long)) != ((long *)&before)[i])
			printf("word %d differs\n", i);
	CALL(ptrace(PTRACE_SETREGS, child, 0, &before));
#ifdef __x86_64__
	regs.rsi = 0x44;
#else
	regs.esi = 0x44;
#endif
	vector = (struct iovec){&regs, sizeof regs};
	CALL(ptrace(PTRACE_SETREGSET, child, NT_PRSTATUS, &vector));
	cont(PTRACE_CONT, child, 0, "with another ESI");
}

static void flags(void)
{
	static const unsigned long values[] = {0, 0x202, 0xcd5, 0x100, 0x4000, 0x3000, 0x10000,
		0x40000, 0x20000, 0x200000, 0x180000, 0xffffffff, 0x200, 2};
	pid_t child = at_mark();
	for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
		set(child, "flags", USER(eflags), values[i]);
	finish(child);
}

static void selectors(void)
{
	static const unsigned long values[] = {0, 1, 2, 3, 4, 7, 8, 0x10, 0x18, 0x23, 0x2b, 0x33,
		0x2a, 0x63, 0xfff3, 0x1002b};
	pid_t child = at_mark();
	for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
#ifdef __x86_64__
		set(child, "cs", USER(cs), values[i]);
		set(child, "ss", USER(ss), values[i]);
		set(child, "ds", USER(ds), values[i] & 3 || !values[i] ? 0 : values[i]);
#else
		set(child, "cs", USER(xcs), values[i]);
		set(child, "ss", USER(xss), values[i]);
		set(child, "ds", USER(xds), values[i] & 3 || !values[i] ? 0x2b : values[i]);
#endif
	}
	finish(child);

	child = at_mark();
#ifdef __x86_64__
	CALL(ptrace(PTRACE_POKEUSER, child, USER(cs), 0x1b));
#else
	CALL(ptrace(PTRACE_POKEUSER, child, USER(xcs), 0x1b));
#endif
	cont(PTRACE_CONT, child, 0, "in no code segment");
	tell_info(child);
	finish(child);
}

static void places(void)
{
	pid_t child = at_mark();
	set(child, "ip", USER(IP), 0x1234);
	cont(PTRACE_CONT, child, 0, "nowhere");
	tell_info(child);
	set(child, "ip", USER(IP), (unsigned long)-4096);
	cont(PTRACE_CONT, child, 0, "nowhere");
	tell_info(child);
	ptrace(PTRACE_POKEUSER, child, USER(IP), marked_begin);
	cont(PTRACE_CONT, child, 0, "back");
}

static void bases(void)
{
	pid_t child = at_mark();
#ifdef __x86_64__
	unsigned long base;
	set(child, "gs_base", USER(gs_base), 0x123456);
	set(child, "gs_base", USER(gs_base), 0x7ffffffff000);
	set(child, "gs_base", USER(gs_base), 0x800000000000);
	set(child, "gs_base", USER(gs_base), -1);
	set(child, "gs_base", USER(gs_base), 0x7fffffffefff);
	CALL(ptrace(PTRACE_ARCH_PRCTL, child, &base, ARCH_GET_GS));
	CLAIM(base == 0x7fffffffefff);
	CALL(ptrace(PTRACE_ARCH_PRCTL, child, 0x5000, ARCH_SET_GS));
	CLAIM(peek_user(child, USER(gs_base)) == 0x5000);
	CALL(ptrace(PTRACE_ARCH_PRCTL, child, -1L, ARCH_SET_GS));
	CALL(ptrace(PTRACE_ARCH_PRCTL, child, &base, ARCH_GET_FS));
	CLAIM(base == peek_user(child, USER(fs_base)));
	CALL(ptrace(PTRACE_ARCH_PRCTL, child, &base, 0x1234));
#else
	struct user_desc area;
	int selector = peek_user(child, USER(xgs));
	CALL(ptrace(PTRACE_GET_THREAD_AREA, child, selector >> 3, &area));
	CLAIM(area.entry_number == selector >> 3 && area.base_addr && area.seg_32bit);
	CALL(ptrace(PTRACE_SET_THREAD_AREA, child, selector >> 3, &area));
	CALL(ptrace(PTRACE_GET_THREAD_AREA, child, 3, &area));
	CALL(ptrace(PTRACE_GET_THREAD_AREA, child, -1, &area));
	area.base_addr = 0x77000;
	CALL(ptrace(PTRACE_SET_THREAD_AREA, child, 14, &area));
	memset(&area, 0, sizeof area);
	CALL(ptrace(PTRACE_GET_THREAD_AREA, child, 14, &area));
	CALL(area.base_addr);
	CALL(area.entry_number);
	CALL(syscall(SYS_ptrace, 30, child, 0, ARCH_GET_FS));
#endif
	cont(PTRACE_CONT, child, 0, "and on");
}

static volatile double number = 1.5;
static unsigned char vector_value[16];

static void floats(void)
{
	asm volatile("fninit\nfld1\nfldl %1\nmovups %2, %%xmm3\nint3\nfstpl %0\nmovups %%xmm3, %3\n"
		     : "=m"(number), "+m"(number), "+m"(vector_value), "=m"(vector_value) : : "xmm3", "st");
	_exit((int)number + vector_value[0]);
}

static void units(void)
{
	unsigned char image[4096];
	for (int i = 0; i < 16; i++)
		vector_value[i] = i + 1;
	pid_t child = traced(floats);
	cont(PTRACE_CONT, child, 0, "with floats");
	struct iovec vector = {image, sizeof image};
#ifdef __x86_64__
	struct user_fpregs_struct fp;
	CALL(ptrace(PTRACE_GETFPREGS, child, 0, &fp));
	CALL(fp.cwd);
	CALL(fp.swd);
	CALL(fp.ftw);
	CALL(fp.mxcsr);
	CLAIM(!memcmp(fp.xmm_space + 12, vector_value, 16));
	CLAIM(fp.st_space[1] == 0xc0000000 && (fp.st_space[2] & 0xffff) == 0x3fff);
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRFPREG, &vector));
	CALL(vector.iov_len);
	CLAIM(!memcmp(image, &fp, 24));
	fp.st_space[2] = 0x4001;
	((unsigned char *)(fp.xmm_space + 12))[0] = 30;
	CALL(ptrace(PTRACE_SETFPREGS, child, 0, &fp));
	fp.mxcsr = 0x1fffff;
	CALL(ptrace(PTRACE_SETFPREGS, child, 0, &fp));
#else
	struct user_fpregs_struct fp;
	struct user_fpxregs_struct fpx;
	CALL(ptrace(PTRACE_GETFPREGS, child, 0, &fp));
	CALL(fp.cwd & 0xffff);
	CALL(fp.swd & 0xffff);
	CALL(fp.twd & 0xffff);
	CALL(ptrace(PTRACE_GETFPXREGS, child, 0, &fpx));
	CALL(fpx.cwd);
	CALL(fpx.twd);
	CALL(fpx.mxcsr);
	CLAIM(!memcmp(fpx.xmm_space + 12, vector_value, 16));
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRFPREG, &vector));
	CALL(vector.iov_len);
	vector.iov_len = sizeof image;
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRXFPREG, &vector));
	CALL(vector.iov_len);
	((unsigned char *)(fpx.xmm_space + 12))[0] = 30;
	CALL(ptrace(PTRACE_SETFPXREGS, child, 0, &fpx));
	((unsigned char *)fp.st_space)[8] = 1;
	((unsigned char *)fp.st_space)[9] = 0x40;
	CALL(ptrace(PTRACE_SETFPREGS, child, 0, &fp));
	fpx.mxcsr = 0x1fffff;
	CALL(ptrace(PTRACE_SETFPXREGS, child, 0, &fpx));
#endif
	vector = (struct iovec){image, sizeof image};
	CALL(ptrace(PTRACE_GETREGSET, child, NT_X86_XSTATE, &vector));
	CLAIM(vector.iov_len >= 576);
	CLAIM(image[160 + 48] == 30);
	CALL(ptrace(PTRACE_SETREGSET, child, NT_X86_XSTATE, &vector));
	vector.iov_len = 64;
	CALL(ptrace(PTRACE_SETREGSET, child, NT_X86_XSTATE, &vector));
	vector.iov_len = 12;
	CALL(ptrace(PTRACE_SETREGSET, child, NT_X86_XSTATE, &vector));
	cont(PTRACE_CONT, child, 0, "with other floats");
}

extern char watch_begin[], watch_end[];
static void writes(void)
{
	watched = 1;
	asm volatile(".globl watch_begin, watch_end\nint3\nnop\nmovl $5, %0\nwatch_begin: nop\n"
		     "watch_end: nop\nnop" : "=m"(watched));
	_exit(watched);
}

static void breakpoints(void)
{
	pid_t child = traced(writes);
	cont(PTRACE_CONT, child, 0, "int3");
	for (int i = 0; i < 8; i++)
		CALL(peek_user(child, DEBUG(i)));
	CALL(ptrace(PTRACE_POKEUSER, child, DEBUG(0), &watched));
	CALL(ptrace(PTRACE_POKEUSER, child, DEBUG(1), watch_end));
	CALL(ptrace(PTRACE_POKEUSER, child, DEBUG(2), -4096L));
	CALL(ptrace(PTRACE_POKEUSER, child, DEBUG(4), 0));
	CALL(ptrace(PTRACE_POKEUSER, child, DEBUG(7), 0x80001));
	CALL(ptrace(PTRACE_POKEUSER, child, DEBUG(7), 0x20001));
	CALL(ptrace(PTRACE_POKEUSER, child, DEBUG(7), 0xd0005));
	CLAIM(peek_user(child, DEBUG(0)) == (long)&watched);
	CALL(peek_user(child, DEBUG(7)));
	cont(PTRACE_CONT, child, 0, "a write");
	tell_info(child);
	CLAIM(peek_user(child, USER(IP)) == (long)watch_begin);
	CALL(peek_user(child, DEBUG(6)) & 15);
	CALL(ptrace(PTRACE_POKEUSER, child, DEBUG(6), 0));
	cont(PTRACE_CONT, child, 0, "an instruction");
	tell_info(child);
	CLAIM(peek_user(child, USER(IP)) == (long)watch_end);
	CALL(peek_user(child, DEBUG(6)) & 15);
	CALL(ptrace(PTRACE_POKEUSER, child, DEBUG(7), 0));
	cont(PTRACE_CONT, child, 0, "without");
}

#ifdef __x86_64__
extern char short_code[];
asm(".text\n.code32\nshort_code: mov $20, %eax\nint $0x80\nint3\n.code64\n");

/* 64-bit code traces 32-bit code: its sets of registers are those of i386. */
static void short_tracee(void)
{
	pid_t child = at_mark();
	unsigned image[1024];
	struct iovec vector = {image, sizeof image};
	CALL(ptrace(PTRACE_POKEUSER, child, USER(cs), 0x23));
	CALL(ptrace(PTRACE_POKEUSER, child, USER(rip), short_code));
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &vector));
	CALL(vector.iov_len);
	CLAIM(image[12] == (unsigned)(long)short_code && image[13] == 0x23);
	CALL(ptrace(PTRACE_GETREGS, child, 0, &regs));
	CLAIM(regs.rip == (unsigned long)short_code);
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
	cont(PTRACE_SYSCALL, child, 0, "getpid of i386 begins");
	struct __ptrace_syscall_info info;
	CALL(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info));
	printf("arch %x, nr %d\n", info.arch, (int)info.entry.nr);
	cont(PTRACE_SYSCALL, child, 0, "and ends");
	CLAIM(peek_user(child, USER(rax)) == child);
	cont(PTRACE_CONT, child, 0, "int3");
	vector.iov_len = sizeof image;
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRFPREG, &vector));
	CALL(vector.iov_len);
	finish(child);
}
#endif

int main(void)
{
	general();
	flags();
	selectors();
	places();
	bases();
	units();
	breakpoints();
#ifdef __x86_64__
	short_tracee();
#endif
	return 0;
}
