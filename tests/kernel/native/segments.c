/* Segments of a program's own: modify_ldt(2), and what the processor does with its descriptors. */
#include "claims.h"
#include <asm/ldt.h>

static unsigned char image[8 * 8192 + 64];
static unsigned words[4] = { 0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00 };

static long ldt(int function, const void *pointer, unsigned long size)
{
	return syscall(SYS_modify_ldt, function, pointer, size);
}

/* One entry as the program asks for it, and the descriptor that it became. */
static void entry(int function, unsigned number, unsigned base, unsigned limit, unsigned bits)
{
	unsigned desc[4] = { number, base, limit, bits };
	long result = (int)ldt(function, desc, sizeof desc);
	unsigned *made = (unsigned *)(image + 8 * (number & 8191));

	memset(image, 0, sizeof image);
	ldt(0, image, sizeof image);
	printf("%#x: %u %#x %#x %#x = %ld: %08x %08x\n", function, number, base, limit, bits,
	       result, made[0], made[1]);
}

static void kinds(void)
{
	unsigned bits;

	for (bits = 0; bits < 256; bits++) {
		entry(0x11, 1, 0x12345678, 0xfffff, bits);
		entry(1, 1, 0x9abcdef0, 0x12345, bits);
		entry(0x11, 1, 0, 0, bits);
		entry(1, 1, 0, 0, bits);
	}
}

static void bounds(void)
{
	unsigned desc[4] = { 0, 0, 0xfffff, 0x11 };

	CALL((int)ldt(0, image, sizeof image));
	CALL((int)ldt(0, image, 0));
	CALL((int)ldt(0, image, 8));
	CALL((int)ldt(0, (void *)8, 8));
	CALL((int)ldt(2, image, sizeof image));
	CALL((int)ldt(2, image, 5));
	CALL((int)ldt(2, (void *)8, 8));
	CALL((int)ldt(3, image, 16));
	CALL((int)ldt(-1, image, 16));
	CALL((int)ldt(0x11, NULL, 16));
	CALL((int)ldt(0x11, desc, 15));
	CALL((int)ldt(1, desc, 17));
	CALL((int)ldt(0x11, desc, 16));
	entry(0x11, 8191, 1, 2, 0x51);
	entry(0x11, 8192, 1, 2, 0x51);
	entry(0x11, -1, 1, 2, 0x51);
	entry(0x11, 5, 0, 0xffffffff, 0x51);
	CALL((int)ldt(0, image, sizeof image));
	printf("an error as the program gets it: %#lx\n", syscall(SYS_modify_ldt, 3, 0, 0));
}

/* ES while its descriptor changes: the system call is made with ES loaded, then it is looked at. */
static void with_es(const char *what, unsigned base, unsigned limit, unsigned bits)
{
	unsigned desc[4] = { 2, base, limit, bits }, es;
	long result;

#ifdef __x86_64__
	__asm__ volatile("mov %3, %%es; syscall; mov %%es, %1"
			 : "=a"(result), "=&r"(es)
			 : "0"(SYS_modify_ldt), "r"(0x17), "D"(0x11), "S"(desc), "d"(16)
			 : "rcx", "r11", "memory");
	printf("%s: %d, es %#x\n", what, (int)result, es);
#else
	unsigned seen = 0;

	__asm__ volatile("push %%es; push %%ebx; mov $0x17, %%ebx; mov %%ebx, %%es; mov $0x11, %%ebx; int $0x80; pop %%ebx;"
			 "mov %%es, %1; test %1, %1; jz 1f; mov %%es:4, %2; 1: pop %%es"
			 : "=a"(result), "=&S"(es), "+D"(seen)
			 : "d"(16), "0"(SYS_modify_ldt), "c"(desc) : "memory");
	printf("%s: %d, es %#x, %#x\n", what, (int)result, es, seen);
#endif
}

static void loads(void)
{
	unsigned base = (unsigned)(unsigned long)words, value, selector;

	entry(0x11, 2, base, 15, 0x51);
#ifdef __x86_64__	/* FS and its base are the C library's; in 32-bit code, GS */
	__asm__ volatile("mov %2, %%gs; mov %%gs:4, %0; mov %%gs, %1"
			 : "=&r"(value), "=&r"(selector) : "r"(0x17));
#else
	__asm__ volatile("mov %2, %%fs; mov %%fs:4, %0; mov %%fs, %1"
			 : "=&r"(value), "=&r"(selector) : "r"(0x17));
#endif
	printf("%#x by %#x\n", value, selector);
	with_es("another base", base + 8, 7, 0x51);
	with_es("not present", base + 8, 7, 0x71);
	entry(0x11, 2, base, 15, 0x51);
	with_es("code that cannot be read", base, 15, 0x5d);
	entry(0x11, 2, base, 15, 0x51);
	with_es("no segment", 0, 0, 0x28);
}

static void rights(void)
{
	unsigned bits, selector, result, limit, ok;

	for (bits = 0; bits < 128; bits++) {
		entry(0x11, 3, 0x1000, 0x123, bits);
		for (selector = 0x1c; selector < 0x20; selector += 3) {
			result = limit = 0;
			__asm__("lar %2, %0; setz %b1" : "=&r"(result), "=&q"(ok) : "r"(selector));
			printf("lar %#x: %d %#x\n", selector, ok & 1, result & 0xf0ff00);
			__asm__("lsl %2, %0; setz %b1" : "=&r"(limit), "=&q"(ok) : "r"(selector));
			printf("lsl: %d %#x\n", ok & 1, limit);
			__asm__("verr %w1; setz %b0" : "=q"(ok) : "r"(selector));
			printf("verr: %d ", ok & 1);
			__asm__("verw %w1; setz %b0" : "=q"(ok) : "r"(selector));
			printf("verw: %d\n", ok & 1);
		}
	}
}

#ifndef __x86_64__
/* Called far; they tell CS, and return far: in 32-bit and in 16-bit code. */
__asm__(".text\nfar_function: mov %cs, %eax; lret\n"
	".code16\nsmall_function: mov %cs, %eax; push %eax; pop %ecx; add $0x1234, %cx; lretl\n"
	"small_call: mov $20, %ax; movzx %ax, %eax; int $0x80; lretl\n.code32\n");
extern char far_function[], small_function[], small_call[];

/* Code and stack of the program's own: through calls, and through system calls with them. */
static void code_and_stack(void)
{
	struct { unsigned offset; unsigned short selector; } __attribute__((packed)) where = { 0, 0x27 };
	unsigned seen, pid, ss;

	entry(0x11, 4, (unsigned)far_function, 0xfff, 0x45);
	__asm__ volatile("lcall *%1" : "=a"(seen) : "m"(where) : "memory");
	printf("cs was %#x\n", seen);
	entry(0x11, 4, (unsigned)small_function, 0xff, 0x44);
	__asm__ volatile("lcall *%2" : "=a"(seen), "=&c"(ss) : "m"(where) : "memory");
	printf("cs was %#x, %#x\n", seen, ss);
	where.offset = small_call - small_function;
	__asm__ volatile("lcall *%1" : "=a"(pid) : "m"(where) : "memory");
	printf("a call of 16-bit code: %d\n", pid == getpid());
	entry(0x11, 5, 0, 0xfffff, 0x51);
	__asm__ volatile("mov %%ss, %%edi; mov %3, %%ss; int $0x80; mov %%ss, %1; mov %%edi, %%ss"
			 : "=a"(pid), "=&d"(ss) : "0"(20), "r"(0x2f) : "edi", "memory");
	printf("ss was %#x, %d\n", ss, pid == getpid());
}
#endif

#ifdef __x86_64__
#define SPARE "gs"
#else
#define SPARE "fs"
#endif

/* How a program ends that loads a selector into a spare segment register, or into SS. */
static int bad(const char *how)
{
	unsigned short selector = strtoul(how, NULL, 0);

	entry(0x11, 6, 0, 0xfffff, 0x71);	/* not present */
	entry(0x11, 7, 0, 0xfffff, 0x5d);	/* code that can only be executed */
	entry(0x11, 8, 0, 0xfffff, 0x51);	/* data */
	fflush(stdout);
	if (how[0] == 's')
		__asm__ volatile("mov %0, %%ss" : : "r"((unsigned)strtoul(how + 1, NULL, 0)));
	else
		__asm__ volatile("mov %0, %%" SPARE : : "r"(selector));
	return 3;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return bad(argv[1]);
	CALL((int)ldt(0, image, sizeof image));
	kinds();
	bounds();
	loads();
	rights();
#ifndef __x86_64__
	code_and_stack();
#endif
	return 0;
}
