/* Where mappings go and what moves them: flags of mmap, mremap, limits of the address space. */
#include "claims.h"
#include "touch.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static char *map(long pages, int prot, int flags)
{
	return mmap(NULL, pages * P, prot, flags, -1, 0);
}

static void hints(void)
{
	char *p = map(16, PROT_NONE, ANON), *q;

	munmap(p + 4 * P, 4 * P);
	q = mmap(p + 5 * P, P, RW, ANON, -1, 0);
	CLAIM(q == p + 5 * P);
	q = mmap(p + 6 * P + 123, P, RW, ANON, -1, 0);
	CLAIM(q == p + 6 * P || q == p + 7 * P);
	munmap(q, P);
	q = mmap(p, P, RW, ANON, -1, 0);
	CLAIM(q != p && q != MAP_FAILED);
	q = mmap(p + 5 * P, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	CLAIM(q == MAP_FAILED && errno == EEXIST);
	q = mmap(p + 4 * P, 2 * P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	CLAIM(q == MAP_FAILED && errno == EEXIST);
	q = mmap(p + 4 * P, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	CLAIM(q == p + 4 * P);
	q = mmap(p + 7 * P, P, RW, ANON | MAP_FIXED_NOREPLACE | MAP_FIXED, -1, 0);
	CLAIM(q == p + 7 * P);
	POINTER(mmap(p + 7 * P + 1, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
	q = mmap(p + 2 * P, 4 * P, RW, ANON | MAP_FIXED, -1, 0);
	CLAIM(q == p + 2 * P);
	CALL(touch(p + P, 0));
	CALL(touch(p + 2 * P, 1));
	POINTER(mmap((void *)-P, P, RW, ANON | MAP_FIXED, -1, 0));
	POINTER(mmap((void *)-P, 2 * P, RW, ANON | MAP_FIXED, -1, 0));
	q = mmap((void *)-P, P, RW, ANON, -1, 0);
	CLAIM(q != MAP_FAILED);
	q = mmap((void *)1, P, RW, ANON, -1, 0);
	CLAIM(q != MAP_FAILED && q > (char *)P);
	q = mmap(NULL, P, RW, ANON | MAP_32BIT, -1, 0);
	CLAIM((unsigned long)q < 0x80000000UL || sizeof(long) == 4);
	POINTER(mmap(NULL, 1L << 31 - (sizeof(long) == 4), RW, ANON | MAP_32BIT | MAP_NORESERVE, -1, 0));
}

static void kinds(void)
{
	int fd = memfd_create("kinds", 0);
	char *q;

	ftruncate(fd, 4 * P);
	POINTER(mmap(NULL, P, RW, MAP_SHARED_VALIDATE, fd, 0));
	POINTER(mmap(NULL, P, RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0));
	POINTER(mmap(NULL, P, RW, MAP_SHARED_VALIDATE | (1 << 25), fd, 0));
	POINTER(mmap(NULL, P, RW, MAP_SHARED | (1 << 25), fd, 0));
	POINTER(mmap(NULL, P, RW, MAP_SHARED_VALIDATE | MAP_POPULATE, fd, 0));
	POINTER(mmap(NULL, P, RW, MAP_PRIVATE | MAP_SYNC, fd, 0));
	POINTER(mmap(NULL, P, RW, 4, fd, 0));
	POINTER(mmap(NULL, P, RW, 8, fd, 0));
	POINTER(mmap(NULL, P, RW, MAP_SHARED_VALIDATE | ANON, fd, 0));
	POINTER(mmap(NULL, P, RW, ANON, 12345, P));
	POINTER(mmap(NULL, P, 0x70, ANON, -1, 0));
	POINTER(mmap(NULL, P, 0xff0, ANON, -1, 0));
	POINTER(mmap(NULL, P, RW, ANON | MAP_GROWSDOWN, fd, 0));
	POINTER(mmap(NULL, P, RW, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0));
	POINTER(mmap(NULL, P, RW, MAP_SHARED | MAP_GROWSDOWN, fd, 0));
	POINTER(mmap(NULL, P, RW, ANON | MAP_STACK | MAP_DENYWRITE | MAP_EXECUTABLE, -1, 0));
	POINTER(mmap(NULL, P, RW, ANON | MAP_NONBLOCK | MAP_POPULATE, -1, 0));
	POINTER(mmap(NULL, 1 << 21, RW, ANON | MAP_HUGETLB, -1, 0));
	POINTER(mmap(NULL, P, RW, ANON | MAP_HUGETLB, -1, 0));
	POINTER(mmap(NULL, P, RW, ANON | MAP_HUGETLB | (7 << 26), -1, 0));
	POINTER(mmap(NULL, P, RW, MAP_SHARED | MAP_HUGETLB, fd, 0));
	q = mmap(NULL, P, PROT_WRITE, MAP_SHARED, fd, P);
	CALL(touch(q, 1));
	CALL(touch(q, 0));
	q = mmap(NULL, 2 * P, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 3 * P);
	CALL(touch(q, 0));
	CALL(touch(q + P, 0));
	q = map(1, PROT_EXEC, ANON);
	CALL(touch(q, 0));
	CALL(touch(q, 1));
}

static void growing_down(void)
{
	char *p = map(300, PROT_NONE, ANON), *q;

	munmap(p, 300 * P);
	q = mmap(p + 299 * P, P, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	CLAIM(q == p + 299 * P);
	CALL(touch(q - 1, 1));
	CALL(touch(q - 2 * P, 1));
	CALL(touch(q - 20 * P, 1));
	CALL(touch(q - 10 * P, 0));
	CALL(munmap(q - 30 * P, 31 * P));
	CALL(touch(q - 3 * P, 0));
}

static void huge(void)
{
	long size = sizeof(long) == 8 ? 1L << 40 : 1L << 30;
	char *p = mmap(NULL, size, PROT_NONE, ANON | MAP_NORESERVE, -1, 0), *q;

	CLAIM(p != MAP_FAILED);
	CALL(mprotect(p + size / 2, 4 * P, RW));
	CALL(touch(p + size / 2, 1));
	CALL(touch(p + size / 2 + 4 * P, 0));
	CALL(madvise(p, size, MADV_DONTNEED));
	CLAIM(!p[size / 2]);
	CALL(mprotect(p, size / 4, PROT_READ));
	CALL(touch(p + size / 4 - 1, 0));
	CALL(touch(p + size / 4, 0));
	CALL(touch(p + size / 4 - 1, 1));
	q = mmap(p + P, size / 8, RW, ANON | MAP_NORESERVE | MAP_FIXED, -1, 0);
	CLAIM(q == p + P);
	q[0] = q[size / 8 - 1] = q[size / 16] = 'h';
	CHILD(CLAIM(q[0] == 'h' && q[size / 8 - 1] == 'h'); q[size / 16] = 'c');
	CLAIM(q[size / 16] == 'h');
	p[size / 2] = 'm';
	q = mremap(p + size / 2, 4 * P, 8 * P, MREMAP_MAYMOVE);
	CLAIM(q != MAP_FAILED && q[0] == 'm' && q[7 * P] == 0);
	CALL(munmap(p, size));
	CALL(touch(p + size / 2, 0));
	CLAIM(q[0] == 'm');
	POINTER(mmap(NULL, sizeof(long) == 8 ? 1L << 47 : -P, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));
}

static void remapping(void)
{
	int fd = memfd_create("remapping", 0);
	char *p = map(16, PROT_NONE, ANON), *q, *r;

	ftruncate(fd, 8 * P);
	for (int i = 0; i < 8; i++)
		pwrite(fd, "abcdefgh" + i, 1, i * P);
	q = mmap(p, 2 * P, RW, MAP_SHARED | MAP_FIXED, fd, P);
	CLAIM(q[0] == 'b');
	munmap(p + 2 * P, 4 * P);
	POINTER(mremap(q, 2 * P, 4 * P, 0));
	CLAIM(q[2 * P] == 'd' && q[3 * P] == 'e');
	POINTER(mremap(q, 4 * P, 20 * P, 0));
	r = mremap(q, 4 * P, 10 * P, MREMAP_MAYMOVE);
	CLAIM(r != MAP_FAILED && r != q && r[6 * P] == 'h');
	CALL(touch(r + 7 * P, 0));
	CALL(touch(q, 0));
	r[0] = 'B';
	CLAIM(pread(fd, q = (char[1]){0}, 1, P) == 1 && *q == 'B');
	q = mremap(r, 10 * P, P, MREMAP_MAYMOVE | MREMAP_FIXED, p + 8 * P);
	CLAIM(q == p + 8 * P && *q == 'B');
	CALL(touch(r, 0));
	CALL(touch(r + P, 0));
	q = mremap(p + 8 * P, 0, 2 * P, MREMAP_MAYMOVE);
	CLAIM(q != MAP_FAILED && q[P] == 'c');
	q[0] = 'C';
	CLAIM(p[8 * P] == 'C');
	r = mremap(q, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	CLAIM(r != MAP_FAILED && r != q && r[0] == 'C' && q[0] == 'C');
	q = map(4, RW, ANON);
	memset(q, 'q', 4 * P);
	r = mremap(q, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, p + 10 * P);
	CLAIM(r == p + 10 * P && r[3 * P] == 'q' && q[0] == 0 && q[3 * P] == 0);
	POINTER(mremap(q, 4 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
	POINTER(mremap(q, 4 * P, 4 * P, MREMAP_DONTUNMAP, NULL));
	POINTER(mremap(q, 4 * P, 4 * P, MREMAP_FIXED, p));
	POINTER(mremap(q, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, p + 1));
	POINTER(mremap(q, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, q + 2 * P));
	POINTER(mremap(q, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)-P));
	POINTER(mremap(q, 4 * P, -P, MREMAP_MAYMOVE));
	POINTER(mremap(q, -P, 4 * P, MREMAP_MAYMOVE));
	mprotect(q + P, P, PROT_READ);
	POINTER(mremap(q, 4 * P, 8 * P, MREMAP_MAYMOVE));
	POINTER(mremap(q, 4 * P, 2 * P, MREMAP_MAYMOVE));
	CALL(touch(q + 2 * P, 0));
	CALL(touch(q + P, 1));
	CALL(touch(q + P, 0));
	POINTER(mremap(q, 0, P, MREMAP_MAYMOVE));
	POINTER(mremap(p + 15 * P, P, 100 * P, 0));
	POINTER(mremap(NULL, P, P, 0));
}

static void limited(void)
{
	struct rlimit both = { 64 << 20, RLIM_INFINITY };
	char *end = sbrk(0), *p = map(4, PROT_READ, ANON);

	CALL(setrlimit(RLIMIT_DATA, &both));
	CLAIM(sbrk(80 << 20) == (void *)-1);
	POINTER(mmap(NULL, 80 << 20, RW, ANON, -1, 0));
	POINTER(mmap(NULL, 80 << 20, PROT_READ, ANON, -1, 0));
	POINTER(mmap(NULL, 80 << 20, RW, ANON | MAP_NORESERVE, -1, 0));
	POINTER(mmap(NULL, 80 << 20, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	POINTER(mmap(NULL, 40 << 20, RW, ANON, -1, 0));
	POINTER(mmap(NULL, 40 << 20, RW, ANON, -1, 0));
	CALL(mprotect(p, 4 * P, RW));
	CLAIM(sbrk(0) == end);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGSEGV, struck);
	signal(SIGBUS, struck);
	CHILD(limited());
	hints();
	kinds();
	growing_down();
	huge();
	remapping();
	return 0;
}
