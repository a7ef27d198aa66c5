/* Shared memory between processes, and seals under mappings: who sees what, and what is refused. */
#include "claims.h"
#include "touch.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#define MFD_EXEC 16
#endif

static char bytes[3 * P];

static char *map(int fd, int prot, int flags)
{
	return mmap(NULL, 2 * P, prot, flags, fd, 0);
}

static void between_processes(void)
{
	int fd = memfd_create("shared", 0), to[2], back[2];
	char *p, *own, byte;

	ftruncate(fd, 2 * P);
	pipe(to), pipe(back);
	p = map(fd, RW, MAP_SHARED);
	own = map(fd, RW, MAP_PRIVATE);
	own[P] = 'o';
	if (!fork()) {
		char *again = map(fd, RW, MAP_SHARED);

		read(to[0], &byte, 1);
		again[5] = p[4] + 1;
		pwrite(fd, "w", 1, P);
		own[0] = 'c';
		write(back[1], "x", 1);
		read(to[0], &byte, 1);
		ftruncate(fd, P);
		write(back[1], "x", 1);
		_exit(0);
	}
	p[4] = 'a';
	write(to[1], "x", 1);
	read(back[0], &byte, 1);
	CLAIM(p[5] == 'b' && p[P] == 'w' && own[0] == 0 && own[P] == 'o');
	CALL(pread(fd, bytes, 2, 4));
	CLAIM(bytes[0] == 'a' && bytes[1] == 'b');
	CLAIM(own[5] == 'b');
	write(to[1], "x", 1);
	read(back[0], &byte, 1);
	CALL(touch(p + P, 0));
	CALL(touch(own + P, 0));
	CALL(touch(p, 1));
	wait(NULL);
	CALL(pwrite(fd, "after", 5, P));
	CALL(touch(p + P, 0));
	CLAIM(!strcmp(p + P, "after"));
	CALL(pwrite(fd, p, 10, P + 5));
	CALL(pread(fd, p, 2 * P, 0));
	CALL(read(fd, p + P, P));
	CALL(write(fd, p, 2 * P));
	CALL(lseek(fd, 0, SEEK_END));
}

static void seals(void)
{
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING), reader;
	char *p, *q, path[40];
	struct stat status;

	ftruncate(fd, 2 * P);
	p = map(fd, RW, MAP_SHARED);
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	p[0] = 'p';
	CALL(pwrite(fd, "x", 1, 0));
	POINTER(map(fd, RW, MAP_SHARED));
	q = map(fd, PROT_READ, MAP_SHARED);
	CLAIM(q != MAP_FAILED && q[0] == 'p');
	CALL(mprotect(q, P, RW));
	POINTER(map(fd, RW, MAP_PRIVATE));
	CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P));
	CALL(madvise(p, P, MADV_REMOVE));
	CLAIM(p[0] == 'p');
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CALL(fcntl(fd, F_GET_SEALS));
	CALL(munmap(p, 2 * P));
	CALL(munmap(q, 2 * P));
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CALL(fcntl(fd, F_GET_SEALS));
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
	CALL(ftruncate(fd, P));
	CALL(ftruncate(fd, 3 * P));
	CALL(ftruncate(fd, 2 * P));
	CALL(fallocate(fd, 0, 0, 3 * P));
	CALL(fallocate(fd, 0, 0, P));
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	sprintf(path, "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY);
	CLAIM(reader > 0);
	CALL(fcntl(reader, F_GET_SEALS));
	CALL(fcntl(reader, F_ADD_SEALS, F_SEAL_GROW));
	CALL(write(reader, "x", 1));
	CALL(open(path, O_WRONLY | O_TRUNC));
	p = map(reader, PROT_READ, MAP_SHARED);
	CLAIM(p != MAP_FAILED);
	CALL(mprotect(p, P, RW));
	fd = memfd_create("noexec", MFD_NOEXEC_SEAL);
	CALL(fcntl(fd, F_GET_SEALS));
	fstat(fd, &status);
	CALL(status.st_mode & 0777);
	CALL(fchmod(fd, 0777));
	CALL(fchmod(fd, 0600));
	fd = memfd_create("exec", MFD_EXEC);
	fstat(fd, &status);
	CALL(status.st_mode & 0777);
	CALL(memfd_create("both", MFD_EXEC | MFD_NOEXEC_SEAL));
	CALL(memfd_create("odd", 0x40));
	memset(bytes, 'n', 300);
	CALL(memfd_create(bytes, 0));
	bytes[249] = 0;
	CALL(memfd_create(bytes, 0) > 0);
	bytes[249] = 'n', bytes[250] = 0;
	CALL(memfd_create(bytes, 0));
}

static void anonymous(void)
{
	char *p = mmap(NULL, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	p[0] = 'p';
	CHILD(p[0] = 'c'; CALL(mprotect(p, P, PROT_READ)); CALL(touch(p, 1)));
	CLAIM(p[0] == 'c');
	CALL(touch(p, 1));
	CHILD(
		CALL(munmap(p, P));
		CALL(touch(p, 0));
		p[P] = 'd');
	CLAIM(p[0] == 'w' && p[P] == 'd');
	CHILD(
		char *q = mremap(p, 2 * P, 4 * P, MREMAP_MAYMOVE);
		CLAIM(q != MAP_FAILED && q[P] == 'd');
		CALL(touch(q + 2 * P, 0));
		q[0] = 'm');
	CLAIM(p[0] == 'm');
	CHILD(CALL(madvise(p, P, MADV_DONTNEED)); CLAIM(p[0] == 'm'));
	CHILD(CALL(madvise(p, P, MADV_REMOVE)); CLAIM(p[0] == 0));
	CLAIM(p[0] == 0 && p[P] == 'd');
	CALL(msync(p, 2 * P, MS_SYNC | MS_INVALIDATE));
	CALL(msync(p, 2 * P, 0));
	CALL(msync(p, -P, MS_SYNC));
	CALL(mlock(p, P));
	CALL(msync(p, P, MS_INVALIDATE));
	CALL(munlock(p, P));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGSEGV, struck);
	signal(SIGBUS, struck);
	between_processes();
	seals();
	anonymous();
	return 0;
}
