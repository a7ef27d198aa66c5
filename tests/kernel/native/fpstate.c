/* The x87 and SSE units across handlers: kept, shown in the frame, and taken back from it. */
#include "claims.h"
#include <cpuid.h>
#include <signal.h>
#include <sys/auxv.h>
#include <ucontext.h>

enum { NOTHING, XMM3_AND_MXCSR, ST0, NO_STACK, NO_FPSTATE, CONTROL, TOP, NO_X87_COMPONENT,
	NO_SSE_COMPONENT, NO_MAGIC, EDITS };
static int edit;
static unsigned char seen[512], legacy[112];
static unsigned extended[4], magic2;
static unsigned long long header[2];
unsigned char before[48], after[48], x87[108];
unsigned mxcsr_before = 0x7f80, mxcsr_after;
unsigned short control = 0xf7f;
double value = 3.25;
long double tiny = 1e-4940L; /* a denormal number */
long pid;

/* What is behind fpregs: an FXSAVE image; in a 32-bit frame an FSAVE image is in front of it. */
#ifdef __x86_64__
#define FSAVE 0
#else
#define FSAVE 112
#endif

static void spoil(void)
{
	unsigned mxcsr = 0x1f80;

	asm volatile("fninit\n fldpi\n fldln2\n pcmpeqb %%xmm0, %%xmm0\n pcmpeqb %%xmm3, %%xmm3\n"
		"pcmpeqb %%xmm7, %%xmm7\n ldmxcsr %0" :: "m"(mxcsr) : "xmm0", "xmm3", "xmm7");
}

static void change(ucontext_t *uc)
{
	unsigned char *image = (unsigned char *)uc->uc_mcontext.fpregs;
	unsigned char *x87_part = image, *fxsave = image + FSAVE;

	if (edit == XMM3_AND_MXCSR) {
		memset(fxsave + 160 + 16 * 3, 0x33, 16);
		*(unsigned *)(fxsave + 24) = 0x3f80;
	}
	if (edit == ST0) /* 1.0 */
		memcpy(x87_part + (FSAVE ? 28 : 32), "\0\0\0\0\0\0\0\x80\xff\x3f", 10);
	if (edit == NO_STACK && FSAVE)
		*(unsigned *)(x87_part + 8) = -1;
	else if (edit == NO_STACK)
		x87_part[4] = 0;
	if (edit == NO_FPSTATE)
		uc->uc_mcontext.fpregs = NULL;
	if (edit == CONTROL)
		*(unsigned short *)x87_part = 0x47f;
	if (edit == NO_X87_COMPONENT)
		fxsave[512] &= ~1;
	if (edit == NO_SSE_COMPONENT)
		fxsave[512] &= ~2;
	if (edit == NO_MAGIC) { /* only the FXSAVE part counts */
		*(unsigned *)(fxsave + 464) = 0;
		fxsave[512] = 0;
	}
	if (edit == TOP)
		*(unsigned short *)(x87_part + (FSAVE ? 4 : 2)) = 0x3800;
}

static unsigned long context_flags(ucontext_t *uc)
{
	return uc->uc_flags;
}

static void handler(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	unsigned char *image = (unsigned char *)uc->uc_mcontext.fpregs;
	unsigned short inside;
	unsigned mxcsr;

	asm volatile("fnstcw %0" : "=m"(inside));
	asm volatile("stmxcsr %0" : "=m"(mxcsr));
	printf("inside: fcw %x mxcsr %x\n", inside, mxcsr);
	CLAIM(image != NULL);
	CLAIM(((unsigned long)image + FSAVE) % 64 == 0);
	memcpy(legacy, image, FSAVE);
	memcpy(seen, image + FSAVE, sizeof seen);
	memcpy(extended, seen + 468, sizeof extended);
	memcpy(header, image + FSAVE + 512, sizeof header);
	memcpy(&magic2, image + FSAVE + extended[3], 4);
	CLAIM(context_flags(uc) & 1);
	change(uc);
	spoil();
}

static void show_bytes(const char *what, unsigned char *bytes, int count)
{
	printf("%s:", what);
	for (int i = 0; i < count; i++)
		printf(" %02x", bytes[i]);
	puts("");
}

#ifdef __x86_64__
#define TKILL "mov $200, %%eax\n mov pid, %%rdi\n mov $10, %%esi\n syscall\n"
#define CLOBBERED "rdi", "rsi", "rcx", "r11", "rax"
#else
#define TKILL "mov $238, %%eax\n mov pid, %%ebx\n mov $10, %%ecx\n int $0x80\n"
#define CLOBBERED "ebx", "ecx", "eax"
#endif

static void run(void)
{
	printf("edit %d\n", edit);
	fflush(stdout);
	memset(before, 0x5a, sizeof before);
	asm volatile("ldmxcsr mxcsr_before\n fninit\n fldcw control\n fld1\n fldz\n fldt tiny\n fldl value\n"
		"movups before, %%xmm0\n movups before, %%xmm3\n movups before, %%xmm7\n" TKILL
		"movups %%xmm0, after\n movups %%xmm3, after+16\n movups %%xmm7, after+32\n"
		"stmxcsr mxcsr_after\n fnsave x87"
		::: "memory", "xmm0", "xmm3", "xmm7", CLOBBERED);
	unsigned *words = (unsigned *)x87;
	printf("fcw %x fsw %x ftw %x mxcsr %x\n", words[0] & 0xffff, words[1] & 0xffff,
		words[2] & 0xffff, mxcsr_after);
	show_bytes("st", x87 + 28, 40);
	show_bytes("xmm", after, 48);
	unsigned normal = 0x1f80;
	asm volatile("ldmxcsr %0" :: "m"(normal));
}

static void frame(void)
{
	unsigned *words = (unsigned *)legacy;
	unsigned a, b, c, d;
	unsigned magic;

	printf("fcw %x fsw %x tags %x mxcsr %x\n", *(unsigned short *)seen,
		*(unsigned short *)(seen + 2), seen[4], *(unsigned *)(seen + 24));
	show_bytes("st0", seen + 32, 10);
	show_bytes("st2", seen + 64, 10);
	show_bytes("xmm3", seen + 160 + 48, 16);
#ifdef __i386__
	printf("legacy: %x %x %x", words[0], words[1], words[2]);
	printf(" cs %x ds %x\n", words[4] & 0xffff, words[6]);
	show_bytes("st0", legacy + 28, 10);
	printf("status %x magic %x\n", *(unsigned short *)(legacy + 108), *(unsigned short *)(legacy + 110));
#endif
	/* Behind the registers the kernel says how large the XSAVE image is, if there is XSAVE. */
	__cpuid(1, a, b, c, d);
	memcpy(&magic, seen + 464, 4);
	CLAIM((magic == 0x46505853) == (c >> 27 & 1));
	CLAIM(extended[0] == extended[3] + 4 + FSAVE);
	CLAIM((extended[1] & 3) == 3);
	CLAIM(magic2 == 0x46505845);
	CLAIM((header[0] & 3) == 3 && !header[1]);
}

/* What the program is told of its frames, besides the XSAVE image and what marks its end. */
static void told(void)
{
	unsigned a, b, c, d, size = 512, low, high;

	__cpuid(1, a, b, c, d);
	if (c >> 27 & 1) {
		size = extended[3] + 4;
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		CLAIM((low & 3) == 3);
		__cpuid_count(13, 0, a, b, c, d);
		CLAIM(b >= extended[3]);
		CLAIM((low & extended[1]) == extended[1]);
	}
	__cpuid_count(7, 0, a, b, c, d);
	CLAIM((getauxval(AT_HWCAP2) & 2) == (b & 1) << 1); /* FSGSBASE */
	CLAIM(getauxval(AT_MINSIGSTKSZ) == (size + 736 + 112 + 63 + 15 + 15) / 16 * 16);
}

int main(void)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	pid = getpid();
	sigaction(SIGUSR1, &a, NULL);
	for (edit = NOTHING; edit < EDITS; edit++) {
		run();
		if (edit == NOTHING)
			frame();
	}
	told();
	return 0;
}
