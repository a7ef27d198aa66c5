/* Advice and locks: what madvise, mlock, mlockall, mincore do to pages of each sort. */
#include "claims.h"
#include "touch.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

/* Which of `count` pages are resident, as a number in binary; -1 with errno. */
static long resident(void *at, long count)
{
	unsigned char in[16];
	long bits = 0;

	if (mincore(at, count * P, in))
		return -1;
	for (long i = 0; i < count; i++)
		bits = bits * 10 + (in[i] & 1);
	return bits;
}

static char *map(long pages, int prot, int flags)
{
	return mmap(NULL, pages * P, prot, flags, -1, 0);
}

static int memory_file(long pages)
{
	int fd = memfd_create("advice", 0);

	for (long i = 0; i < pages; i++)
		pwrite(fd, "abcdefgh" + i, 1, i * P);
	return fd;
}

static void removing(void)
{
	int fd = memory_file(4);
	char *p = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0), *q = map(4, RW, ANON), byte;
	char *only = mmap(NULL, 4 * P, PROT_READ, MAP_SHARED, fd, 0), *own = mmap(NULL, 4 * P, RW, MAP_PRIVATE, fd, 0);
	struct stat status;

	CALL(touch(own + P, 1));
	CALL(madvise(p + P, P, MADV_REMOVE));
	CALL(lseek(fd, 0, SEEK_HOLE));
	CALL(lseek(fd, P, SEEK_DATA));
	CLAIM(p[0] == 'a' && p[P] == 0 && p[2 * P] == 'c' && own[P] == 'w');
	CALL(pread(fd, &byte, 1, P));
	CLAIM(!byte);
	fstat(fd, &status);
	CALL(status.st_size);
	CALL(madvise(p + 2 * P, 0, MADV_REMOVE));
	CALL(madvise(q, P, MADV_REMOVE));
	CALL(madvise(own, P, MADV_REMOVE));
	CALL(madvise(only, P, MADV_REMOVE));
	CALL(madvise(p + 1, P, MADV_REMOVE));
	CALL(mlock(p, P));
	CALL(madvise(p, P, MADV_REMOVE));
	CALL(munlock(p, P));
	CALL(madvise(p, P, MADV_REMOVE));
	q = map(4, RW, MAP_SHARED | MAP_ANONYMOUS);
	memset(q, 'q', 4 * P);
	CALL(madvise(q + P, 2 * P, MADV_REMOVE));
	CLAIM(q[0] == 'q' && !q[P] && !q[2 * P] && q[3 * P] == 'q');
	munmap(q + P, P);
	CALL(madvise(q, 4 * P, MADV_REMOVE));
	CLAIM(!q[0] && !q[3 * P]);
	fd = open("/proc/self/exe", O_RDONLY);
	p = mmap(NULL, P, PROT_READ, MAP_SHARED, fd, 0);
	CALL(madvise(p, P, MADV_REMOVE));
}

static void dropping(void)
{
	int fd = memory_file(4);
	char *shared = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0), *own = mmap(NULL, 4 * P, RW, MAP_PRIVATE, fd, 0);
	char *p = map(4, RW, ANON);

	memset(p, 'x', 4 * P);
	shared[0] = 's';
	own[0] = 'o';
	CALL(madvise(shared, 4 * P, MADV_DONTNEED));
	CLAIM(shared[0] == 's' && shared[P] == 'b');
	CALL(madvise(own, 4 * P, MADV_DONTNEED));
	CLAIM(own[0] == 's' && own[P] == 'b');
	CALL(mprotect(p, P, PROT_NONE));
	CALL(madvise(p, P, MADV_DONTNEED));
	CALL(mprotect(p, P, RW));
	CLAIM(!p[0] && p[P] == 'x');
	CALL(mprotect(p + P, P, PROT_READ));
	CALL(madvise(p + P, P, MADV_DONTNEED));
	CLAIM(!p[P]);
	CALL(madvise(p + 2 * P, P + 1, MADV_DONTNEED));
	CLAIM(!p[2 * P] && !p[3 * P]);
	if (sizeof(long) == 8) {
		CALL(madvise(p, -P, MADV_DONTNEED));
		CALL(madvise(p, -1, MADV_DONTNEED));
	}
	CALL(madvise((void *)-P, P, MADV_DONTNEED));
	CALL(madvise((void *)-P, 0, MADV_DONTNEED));
	CALL(madvise(NULL, 0, MADV_DONTNEED));
	CALL(madvise(NULL, 0, 12345));
	CALL(madvise(p + 1, 0, MADV_NORMAL));
	CALL(madvise(p, P, -1));
	CALL(madvise(p, P, 26));
	CALL(madvise(p, P, 5));
}

static void freeing(void)
{
	int fd = memory_file(2);
	char *p = map(2, RW, ANON), *shared = mmap(NULL, 2 * P, RW, MAP_SHARED, fd, 0), *own = mmap(NULL, 2 * P, RW, MAP_PRIVATE, fd, 0);

	CALL(madvise(p, 2 * P, MADV_FREE));
	p[0] = 'f';
	CALL(madvise(p, 2 * P, MADV_FREE));
	p[0] = 'g';
	CLAIM(p[0] == 'g');
	CALL(madvise(shared, P, MADV_FREE));
	CALL(madvise(own, P, MADV_FREE));
	CALL(mlock(p, P));
	CALL(madvise(p, P, MADV_FREE));
	CALL(madvise(p, P, MADV_COLD));
	CALL(madvise(p, P, MADV_PAGEOUT));
	CALL(madvise(p, P, MADV_DONTNEED_LOCKED));
	CLAIM(!p[0]);
	CALL(munlock(p, P));
	CALL(madvise(shared, P, MADV_COLD));
	CALL(madvise(p, P, MADV_COLD));
	CALL(madvise(p, P, MADV_PAGEOUT));
	CALL(madvise(p, P, MADV_WILLNEED));
	CALL(madvise(shared, P, MADV_WILLNEED));
	CALL(madvise(p, P, MADV_SEQUENTIAL));
	CALL(madvise(p, P, MADV_RANDOM));
	CALL(madvise(p, P, MADV_DONTDUMP));
	CALL(madvise(p, P, MADV_DODUMP));
	CALL(madvise(shared, P, MADV_DONTDUMP));
	CALL(madvise(p, P, MADV_HWPOISON) == 0 ? 0 : -1);
}

static void populating(void)
{
	int fd = memory_file(2);
	char *p = map(4, RW, ANON), *shared = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0), *own = mmap(NULL, 4 * P, RW, MAP_PRIVATE, fd, 0);

	CALL(madvise(p + P, P, MADV_POPULATE_READ));
	CALL(resident(p, 4));
	CALL(madvise(p + 2 * P, P, MADV_POPULATE_WRITE));
	CALL(resident(p, 4));
	CALL(madvise(p, 0, MADV_POPULATE_READ));
	CALL(madvise(shared, 2 * P, MADV_POPULATE_WRITE));
	CALL(madvise(shared, 3 * P, MADV_POPULATE_READ));
	CALL(madvise(shared, 4 * P, MADV_POPULATE_WRITE));
	CALL(madvise(own, 2 * P, MADV_POPULATE_READ));
	CALL(madvise(own, 2 * P, MADV_POPULATE_WRITE));
	CALL(madvise(own + 2 * P, P, MADV_POPULATE_READ));
	CALL(pwrite(fd, "Z", 1, 0));
	CLAIM(own[0] == 'a' && shared[0] == 'Z');
	mprotect(p, P, PROT_NONE);
	CALL(madvise(p, P, MADV_POPULATE_READ));
	CALL(madvise(p, P, MADV_POPULATE_WRITE));
	mprotect(p, P, PROT_READ);
	CALL(madvise(p, P, MADV_POPULATE_READ));
	CALL(madvise(p, P, MADV_POPULATE_WRITE));
	mprotect(p, P, PROT_WRITE);
	CALL(madvise(p, P, MADV_POPULATE_READ));
	CALL(madvise(p, P, MADV_POPULATE_WRITE));
	munmap(p + P, P);
	CALL(madvise(p, 4 * P, MADV_POPULATE_READ));
	CALL(resident(p + 2 * P, 2));
	CALL(madvise(p + P, P, MADV_POPULATE_WRITE));
	CALL(resident(shared, 4));
}

static void across_fork(void)
{
	int fd = memory_file(2);
	char *p = map(4, RW, ANON), *shared = mmap(NULL, 2 * P, RW, MAP_SHARED, fd, 0), *own = mmap(NULL, 2 * P, RW, MAP_PRIVATE, fd, 0);

	memset(p, 'p', 4 * P);
	CALL(madvise(p, 2 * P, MADV_WIPEONFORK));
	CALL(madvise(own, P, MADV_WIPEONFORK));
	CALL(madvise(shared, P, MADV_WIPEONFORK));
	CALL(madvise(shared, P, MADV_DONTFORK));
	CALL(madvise(p + 3 * P, P, MADV_DONTFORK));
	CHILD(
		CLAIM(!p[0] && !p[P] && p[2 * P] == 'p');
		CALL(touch(p + 3 * P, 0));
		CALL(touch(shared, 0));
		CALL(touch(shared + P, 0));
		p[0] = 'c';
		CHILD(CLAIM(!p[0]));
		CALL(madvise(p, 2 * P, MADV_KEEPONFORK));
		CHILD(CLAIM(p[0] == 'c'));
		CLAIM(mmap(p + 3 * P, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + 3 * P));
	CLAIM(p[0] == 'p' && p[3 * P] == 'p' && shared[0] == 'a');
	CALL(madvise(shared, P, MADV_DOFORK));
	CHILD(CALL(touch(shared, 0)));
}

static void locking(void)
{
	char *p = map(8, RW, ANON), *q, *none;

	CALL(mlock(p + 100, 10));
	CALL(resident(p, 4));
	CALL(mlock(p + P - 1, 2));
	CALL(resident(p, 4));
	CALL(mlock(p, 0));
	CALL(munlock(p, 0));
	CALL(mlock((void *)-P, P));
	CALL(mlock(p, -P));
	CALL(munlock((void *)-P, P));
	CALL(munlock(p, -P));
	CALL(mlock2(p + 4 * P, P, MLOCK_ONFAULT));
	CALL(resident(p, 8));
	CALL(madvise(p + 4 * P, P, MADV_DONTNEED));
	CALL(munlock(p + 4 * P, P));
	CALL(madvise(p + 4 * P, P, MADV_DONTNEED));
	none = map(2, PROT_NONE, ANON);
	CALL(mlock(none, P));
	CALL(munlock(none, P));
	CALL(mlock2(none, P, MLOCK_ONFAULT));
	CALL(munlock(none, P));
	munmap(none + P, P);
	CALL(mlock2(p + 6 * P, 10 * P, 3));
	CALL(munlockall());
	CALL(mlockall(MCL_ONFAULT));
	CALL(mlockall(MCL_CURRENT | 8));
	CALL(mlockall(MCL_FUTURE | MCL_ONFAULT));
	q = map(4, RW, ANON);
	CALL(resident(q, 4));
	CALL(madvise(q, P, MADV_DONTNEED));
	CALL(mlockall(MCL_FUTURE));
	q = map(4, RW, ANON);
	CALL(resident(q, 4));
	CALL(madvise(q, P, MADV_DONTNEED));
	q = sbrk(2 * P);
	CALL(resident((void *)(((unsigned long)q + P - 1) & -P), 2));
	q = map(4, PROT_NONE, ANON);
	CALL(resident(q, 4));
	q = map(2, PROT_READ, ANON);
	CALL(resident(q, 2));
	CHILD(q = map(4, RW, ANON); CALL(resident(q, 4)));
	CALL(mlockall(MCL_CURRENT));
	q = map(4, RW, ANON);
	CALL(resident(q, 4));
	CALL(munlockall());
	q = map(4, RW, ANON);
	CALL(resident(q, 4));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGSEGV, struck);
	signal(SIGBUS, struck);
	removing();
	dropping();
	freeing();
	populating();
	across_fork();
	locking();
	return 0;
}
