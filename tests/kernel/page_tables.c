/* Does something to a page, then asks with a call that does not exist how its entry looks. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define LOOK(name, at) syscall(0x7000, name, at)

static char *map(int prot, int flags, int fd)
{
	return mmap(NULL, 4 * P, prot, flags, fd, 0);
}

static int run(char *code)
{
	return ((int (*)(void))code)();
}

static void rights(void)
{
	volatile char *p = map(RW, ANON, -1);

	LOOK("mapped, not touched", p);
	p[0] = 1;
	LOOK("stored to", p);
	(void)p[P + 1];
	LOOK("read", p + P);
	mprotect((void *)p, P, PROT_READ);
	LOOK("made read-only", p);
	mprotect((void *)p, P, PROT_NONE);
	LOOK("without any right", p);
	mprotect((void *)p, P, RW);
	LOOK("writable again", p);
	memcpy((void *)p, "\xb8\1\0\0\0\xc3", 6);
	mprotect((void *)p, P, PROT_READ | PROT_EXEC);
	LOOK("made executable", p);
	run((char *)p);
	LOOK("executed", p);
	madvise((void *)p, P, MADV_DONTNEED);
	LOOK("not needed", p);
	munmap((void *)p, 4 * P);
	LOOK("unmapped", p);
	p = map(RW | PROT_EXEC, ANON, -1);
	p[0] = 1;
	LOOK("writable and executable", p);
}

static void sharing(void)
{
	volatile char *own = map(RW, ANON, -1), *shared = map(RW, MAP_SHARED | MAP_ANONYMOUS, -1);

	own[0] = own[P] = shared[0] = 1;
	(void)shared[P];
	LOOK("shared, read", shared + P);
	shared[P] = 1;
	LOOK("shared, stored to", shared + P);
	if (!fork()) {
		LOOK("private, in the child", own);
		LOOK("shared, in the child", shared);
		own[0] = 2;
		LOOK("private, stored to by the child", own);
		_exit(0);
	}
	wait(NULL);
	LOOK("private, in the parent", own);
	(void)own[P];
	LOOK("private, read by the parent", own + P);
	own[0] = 3;
	LOOK("private, stored to by the parent", own);
	LOOK("shared, in the parent", shared);
}

static void files(void)
{
	int fd = memfd_create("file", 0);
	volatile char *p, *q;

	ftruncate(fd, 4 * P);
	p = map(PROT_READ, MAP_PRIVATE, fd);
	(void)p[0];
	LOOK("file, read", p);
	q = map(RW, MAP_PRIVATE, fd);
	q[0] = 1;
	LOOK("private file, stored to", q);
	q = map(RW, MAP_SHARED, fd);
	(void)q[0];
	LOOK("shared file, read", q);
	q[0] = 1;
	LOOK("shared file, stored to", q);
	ftruncate(fd, 0);
	LOOK("file, behind the end", q);
}

int main(void)
{
	rights();
	sharing();
	files();
	return 0;
}
