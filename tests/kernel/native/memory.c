/* mmap and its kin: what is refused, what is there, what is kept. */
#include "claims.h"
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static char *map(long pages, int prot, int flags)
{
	return mmap(NULL, pages * P, prot, flags, -1, 0);
}

static void refusals(void)
{
	char *p = map(4, RW, ANON);

	POINTER(mmap(NULL, 0, RW, ANON, -1, 0));
	POINTER(mmap(NULL, P, RW, MAP_ANONYMOUS, -1, 0));
	POINTER(mmap(NULL, P, RW, MAP_PRIVATE, -1, 0));
	POINTER(mmap(NULL, P, RW, MAP_PRIVATE, 99, 0));
	POINTER(mmap(p + 1, P, RW, ANON | MAP_FIXED, -1, 0));
	POINTER(mmap(p, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
	POINTER(mmap(NULL, -P, RW, ANON, -1, 0));
	POINTER(mmap(NULL, -1L, RW, ANON, -1, 0));
	POINTER(mmap(NULL, P, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0));
	POINTER(mmap(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
	CALL(munmap(p + 1, P));
	CALL(munmap(p, 0));
	CALL(munmap(p + P, P));
	CALL(munmap(p + P, P));
	CALL(mprotect(p + 1, P, RW));
	CALL(mprotect(p, 0, RW));
	CALL(mprotect(p, P, 0x40));
	CALL(mprotect(p, 3 * P, PROT_READ));
	CALL(mprotect(p + P, P, PROT_READ));
	CALL(mprotect(p, P, RW | PROT_GROWSUP));
	CALL(mprotect(p, P, RW | PROT_GROWSDOWN));
	CALL(mprotect(p + 2 * P, 2 * P, PROT_NONE));
	CALL(mprotect((void *)-P, P, PROT_NONE));
}

static void remapping(void)
{
	char *p = map(8, RW, ANON), *q, *r;

	memset(p, 'a', P);
	memset(p + 3 * P, 'd', P);
	munmap(p + 4 * P, P);
	POINTER(mremap(p, 4 * P, 6 * P, 0));
	POINTER(mremap(p + 1, P, P, 0));
	POINTER(mremap(p, P, 0, MREMAP_MAYMOVE));
	POINTER(mremap(p, 5 * P, 6 * P, MREMAP_MAYMOVE));
	POINTER(mremap(p, P, 2 * P, 64));
	POINTER(mremap(p, P, 2 * P, MREMAP_FIXED, p + 100 * P));
	POINTER(mremap(p, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, p + P));
	POINTER(mremap(p + 4 * P, P, 2 * P, MREMAP_MAYMOVE));
	POINTER(mremap(p, 0, P, MREMAP_MAYMOVE));
	q = mremap(p, 4 * P, 6 * P, MREMAP_MAYMOVE);
	CLAIM(q != MAP_FAILED && q != p);
	CLAIM(q[0] == 'a' && q[3 * P] == 'd' && q[5 * P] == 0);
	CALL(msync(p, P, MS_SYNC));
	r = mremap(q, 6 * P, P, 0);
	CLAIM(r == q);
	CALL(msync(q + P, P, MS_SYNC));
	r = mremap(q, P, P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	CLAIM(r[0] == 'a' && q[0] == 0);
}

static void heap(void)
{
	char *start = sbrk(0), *aligned = (char *)(((unsigned long)start + 4095) & -4096UL);

	CALL(brk(start + 3 * P));
	start[0] = start[2 * P] = 'x';
	CALL(brk(start));
	CLAIM(sbrk(0) == start);
	CALL(brk(aligned + 4 * P));
	CLAIM(aligned[3 * P] == 0);
	CLAIM((char *)syscall(SYS_brk, 0) == aligned + 4 * P);
	CLAIM((char *)syscall(SYS_brk, 1) == aligned + 4 * P);
	CLAIM((char *)syscall(SYS_brk, (long)-P) == aligned + 4 * P);
}

static void advice(void)
{
	char *p = map(4, RW, ANON);
	unsigned char in[4];

	memset(p, 'x', 4 * P);
	CALL(madvise(p, P, MADV_DONTNEED));
	CLAIM(p[0] == 0 && p[P] == 'x');
	CALL(madvise(p + 1, P, MADV_DONTNEED));
	CALL(madvise(p, 0, MADV_DONTNEED));
	CALL(madvise(p, P, 1000));
	CALL(madvise(p, P, MADV_NORMAL));
	CALL(madvise(p, P, MADV_WILLNEED));
	munmap(p + P, P);
	CALL(madvise(p, 3 * P, MADV_DONTNEED));
	CLAIM(p[2 * P] == 0);
	p = map(3, RW, ANON);
	CALL(madvise(p, P, MADV_POPULATE_WRITE));
	CALL(mincore(p, 3 * P, in));
	CLAIM((in[0] & 1) == 1 && (in[1] & 1) == 0);
	mprotect(p + P, P, PROT_READ);
	CALL(madvise(p + P, P, MADV_POPULATE_WRITE));
	CALL(madvise(p + P, P, MADV_POPULATE_READ));
	CALL(mincore(p + 1, P, in));
	CALL(mincore(p, P, NULL));
	munmap(p + 2 * P, P);
	CALL(mincore(p, 3 * P, in));
	CALL(msync(p, P, MS_SYNC | MS_ASYNC));
	CALL(msync(p + 1, P, MS_SYNC));
	CALL(msync(p, P, 64));
	CALL(msync(p, P, MS_SYNC));
	CALL(msync(p, 3 * P, MS_ASYNC));
	CALL(mlock(p, 2 * P));
	CALL(munlock(p, 2 * P));
	CALL(mlock(p, 3 * P));
	CALL(munlock(p, 3 * P));
	CALL(mlockall(0));
	CALL(mlockall(64));
	CALL(munlockall());
}

static void sharing(void)
{
	char *p = map(2, RW, MAP_SHARED | MAP_ANONYMOUS), *q;

	memset(p, 's', 2 * P);
	q = mremap(p, 0, 2 * P, MREMAP_MAYMOVE);
	CLAIM(q != MAP_FAILED && q[P] == 's');
	q[P] = 't';
	CLAIM(p[P] == 't');
	munmap(p, 2 * P);
	CLAIM(q[P] == 't' && q[0] == 's');
}

static void files(const char *path)
{
	int fd = open(path, O_RDONLY);
	char *p = mmap(NULL, 2 * P, RW, MAP_PRIVATE, fd, 0), head[4], *q;

	CLAIM(pread(fd, head, 4, 0) == 4 && !memcmp(head, p, 4));
	memset(p, 'z', 8);
	CLAIM(pread(fd, head, 4, 0) == 4 && !memcmp(head, "\177ELF", 4));
	POINTER(mmap(NULL, P, RW, MAP_SHARED, fd, 0));
	POINTER(mmap(NULL, P, PROT_READ, MAP_SHARED, fd, 0));
	POINTER(mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, P));
	POINTER(mmap(NULL, P, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0));
	POINTER(mmap(NULL, P, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, fd, 0));
	q = mmap(NULL, P, PROT_READ, MAP_SHARED, fd, 0);
	CALL(mprotect(q, P, RW));
	close(fd);
	CLAIM(!memcmp(q, "\177ELF", 4));
	fd = open("/", O_RDONLY);
	POINTER(mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 0));
}

static void shared_files(void)
{
	char name[] = "/tmp/shared-XXXXXX", head[8], *p, *q, *r;
	int fd = mkstemp(name), again;

	CALL(ftruncate(fd, P + 100));
	p = mmap(NULL, 2 * P, RW, MAP_SHARED, fd, 0);
	again = open(name, O_RDWR);
	q = mmap(NULL, P, RW, MAP_SHARED, again, P);
	r = mmap(NULL, P, RW, MAP_PRIVATE, again, 0);
	strcpy(p + P, "through p");
	CLAIM(!strcmp(q, "through p"));
	strcpy(q, "through q");
	CLAIM(!strcmp(p + P, "through q"));
	strcpy(r, "alone");
	CLAIM(p[0] == 0);
	CALL(msync(p, 2 * P, MS_SYNC));
	CALL(pread(again, head, 8, P));
	CLAIM(!memcmp(head, "through ", 8));
	strcpy(p, "late");
	munmap(p, 2 * P);
	close(fd);
	CALL(msync(q, P, MS_SYNC));
	munmap(q, P);
	CALL(pread(again, head, 8, 0));
	CLAIM(!strcmp(head, "late"));
	CLAIM(!strcmp(r, "alone"));
	CALL(lseek(again, 0, SEEK_END));
	close(again);
	again = open(name, O_WRONLY);
	POINTER(mmap(NULL, P, PROT_READ, MAP_PRIVATE, again, 0));
	close(again);
	unlink(name);
	again = open("/dev/zero", O_RDWR);
	p = mmap(NULL, 2 * P, RW, MAP_PRIVATE, again, 0);
	CLAIM(p != MAP_FAILED && p[0] == 0 && p[2 * P - 1] == 0);
	again = open("/dev/null", O_RDWR);
	POINTER(mmap(NULL, P, PROT_READ, MAP_PRIVATE, again, 0));
}

int main(int argc, char **argv)
{
	(void)argc;
	refusals();
	remapping();
	heap();
	advice();
	sharing();
	files(argv[0]);
	shared_files();
	return 0;
}
