/* Mapped files: what one process stores, another reads; ends of files; seals; splice and holes. */
#include "claims.h"
#include "touch.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define PAGE 4096L
static char folder[] = "/tmp/claims-XXXXXX", bytes[3 * PAGE];
static char *map(int fd, int prot, int flags, long offset)
{
	return mmap(NULL, 2 * PAGE, prot, flags, fd, offset);
}

static int fresh(const char *name, long size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ftruncate(fd, size);
	return fd;
}

static void coherence(void)
{
	int fd = fresh("file", 2 * PAGE), status;
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0), byte;
	char *again = map(fd, PROT_READ, MAP_SHARED, 0), *own = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);

	shared[10] = 'a';
	CLAIM(again[10] == 'a');
	CALL(pread(fd, &byte, 1, 10));
	CLAIM(byte == 'a');
	CALL(pwrite(fd, "bcd", 3, 11));
	CLAIM(!memcmp(shared + 10, "abcd", 4) && !memcmp(again + 10, "abcd", 4));
	CLAIM(own[10] == 'a');
	CALL(pwrite(fd, "X", 1, 10));
	CLAIM(own[10] == 'X');
	own[11] = 'o';
	CALL(pwrite(fd, "YZ", 2, 10));
	CLAIM(own[10] == 'X' && own[11] == 'o' && shared[10] == 'Y' && shared[11] == 'Z');
	if (!fork()) {
		shared[20] = 'c';
		own[20] = 'p';
		pwrite(fd, "child", 5, PAGE + 5);
		_exit(0);
	}
	wait(&status);
	CLAIM(shared[20] == 'c' && own[20] != 'p' && !memcmp(again + PAGE + 5, "child", 5));
	CALL(msync(shared, 2 * PAGE, MS_SYNC));
	CALL(msync(shared + 1, PAGE, MS_SYNC));
	CALL(msync(shared, 2 * PAGE, MS_SYNC | MS_ASYNC));
	CALL(rename("file", "other"));
	CALL(unlink("other"));
	shared[30] = 'u';
	CALL(pread(fd, &byte, 1, 30));
	CLAIM(byte == 'u');
	CALL(close(fd));
	CLAIM(again[30] == 'u');
	CALL(munmap(shared, 2 * PAGE));
	CLAIM(again[30] == 'u');
	munmap(again, 2 * PAGE);
	munmap(own, 2 * PAGE);
}

static void ends(void)
{
	int fd = fresh("file", PAGE + 100);
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0), *own = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);

	CALL(touch(shared + PAGE + 99, 1));
	CALL(touch(shared + PAGE + 200, 1));
	CALL(touch(own + PAGE, 1));
	CALL(ftruncate(fd, 50));
	CALL(touch(shared, 0));
	CALL(touch(shared + PAGE, 0));
	CALL(touch(own + PAGE, 0));
	CALL(touch(own, 0));
	CALL(ftruncate(fd, 2 * PAGE));
	CALL(touch(shared + PAGE, 0));
	CLAIM(shared[PAGE + 99] == 0 && shared[PAGE + 200] == 0);
	shared[60] = 's';
	CALL(ftruncate(fd, 55));
	CALL(ftruncate(fd, 100));
	CLAIM(shared[60] == 0);
	CALL(read(fd, bytes, sizeof bytes));
	CALL(write(fd, shared, 10));
	CLAIM(shared[100] == shared[0]);
	int ends_of_pipe[2];
	pipe(ends_of_pipe);
	CALL(write(ends_of_pipe[1], shared + PAGE - 4, 8));
	CALL(read(open("/dev/zero", O_RDONLY), shared + PAGE - 4, 8));
	CALL(write(ends_of_pipe[1], shared + PAGE, 8));
	munmap(shared, 2 * PAGE);
	munmap(own, 2 * PAGE);
	CALL(ftruncate(fd, 0));
	shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	CALL(touch(shared, 1));
	munmap(shared, 2 * PAGE);
	close(fd);
	unlink("file");
}

static void refusals(void)
{
	int fd = fresh("file", PAGE), reader = open("file", O_RDONLY), writer = open("file", O_WRONLY), pipe_ends[2];

	pipe(pipe_ends);
	POINTER(map(reader, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	POINTER(map(reader, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0));
	POINTER(map(writer, PROT_READ, MAP_PRIVATE, 0));
	POINTER(map(writer, PROT_WRITE, MAP_SHARED, 0));
	POINTER(map(fd, PROT_READ, MAP_SHARED, 100));
	POINTER(map(fd, PROT_READ, 0, 0));
	POINTER(map(pipe_ends[0], PROT_READ, MAP_PRIVATE, 0));
	POINTER(map(open(".", O_RDONLY), PROT_READ, MAP_PRIVATE, 0));
	POINTER(map(999, PROT_READ, MAP_PRIVATE, 0));
	POINTER(map(open("file", O_PATH), PROT_READ, MAP_PRIVATE, 0));
	POINTER(map(fd, PROT_READ, MAP_SHARED, 1L << 30));
	char *only = map(reader, PROT_READ, MAP_SHARED, 0);
	CALL(mprotect(only, PAGE, PROT_READ | PROT_WRITE));
	CALL(close(reader));
	CALL(mprotect(only, PAGE, PROT_READ | PROT_WRITE));
	close(fd);
	close(writer);
	unlink("file");
}

static void seals(void)
{
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC), plain = memfd_create("plain", 0);
	char name[20];
	struct stat status;

	CALL(fcntl(fd, F_GETFD));
	CALL(fstat(fd, &status));
	CLAIM(S_ISREG(status.st_mode) && (status.st_mode & 0777) == 0777 && !status.st_nlink);
	CALL(fcntl(plain, F_GET_SEALS));
	CALL(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW));
	CALL(fcntl(fd, F_GET_SEALS));
	CALL(write(fd, "0123456789", 10));
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CALL(pwrite(fd, "abc", 3, 8));
	CALL(pwrite(fd, "abc", 3, 10));
	CALL(ftruncate(fd, 20));
	CALL(ftruncate(fd, 9));
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	CALL(ftruncate(fd, 5));
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CALL(munmap(shared, 2 * PAGE));
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CALL(write(fd, "x", 1));
	POINTER(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	POINTER(map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0));
	CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5));
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	CALL(fcntl(fd, F_GET_SEALS));
	CALL(fcntl(plain, F_ADD_SEALS, 0x1000));
	CALL(fcntl(open("/proc/self/exe", O_RDONLY), F_GET_SEALS));
	CALL(memfd_create("x", 0x100));
	CALL(memfd_create((void *)8, 0));
	CALL(lseek(fd, 0, SEEK_END));
	sprintf(name, "/proc/self/fd/%d", fd);
	CALL(readlink(name, bytes, 100));
	CLAIM(!memcmp(bytes, "/memfd:sealed (deleted)", 23));
	close(fd);
	close(plain);
}

static void holes(void)
{
	int fd = memfd_create("holes", 0);
	struct stat status;

	CALL(pwrite(fd, "x", 1, 10 * PAGE));
	CALL(fstat(fd, &status));
	CALL(status.st_size);
	CALL(status.st_blocks);
	CALL(lseek(fd, 0, SEEK_DATA));
	CALL(lseek(fd, 0, SEEK_HOLE));
	CALL(lseek(fd, 10 * PAGE, SEEK_HOLE));
	CALL(lseek(fd, 10 * PAGE + 1, SEEK_DATA));
	CALL(lseek(fd, -1, SEEK_DATA));
	CALL(pwrite(fd, bytes, 3 * PAGE, 0));
	CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE));
	CALL(lseek(fd, 0, SEEK_HOLE));
	CALL(lseek(fd, PAGE, SEEK_DATA));
	pwrite(fd, "0123456789", 10, 0);
	CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3, 4));
	CALL(pread(fd, bytes, 10, 0));
	CLAIM(!memcmp(bytes, "012\0\0\0\0" "789", 10));
	CALL(fstat(fd, &status));
	CALL(status.st_blocks);
	CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4));
	CALL(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4));
	CALL(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE));
	CALL(fallocate(fd, 0, -1, 4));
	CALL(fallocate(fd, 0, 0, 0));
	CALL(fallocate(fd, 0, 20 * PAGE, PAGE));
	CALL(lseek(fd, 0, SEEK_END));
	CALL(fallocate(fd, FALLOC_FL_KEEP_SIZE, 30 * PAGE, PAGE));
	CALL(lseek(fd, 0, SEEK_END));
	CALL(ftruncate(fd, 5));
	CALL(ftruncate(fd, 20));
	CALL(pread(fd, bytes, 100, 0));
	CLAIM(bytes[7] == 0);
	close(fd);
}

static void moving(void)
{
	int ends[2], others[2], fd = fresh("from", 0), out = fresh("to", 0);
	off_t at = 2;
	loff_t wide = 3;
	struct iovec part = { "memory", 6 };

	pipe2(ends, O_NONBLOCK);
	pipe2(others, O_NONBLOCK);
	write(fd, "0123456789", 10);
	CALL(sendfile(out, fd, &at, 4));
	CALL((long)at);
	CALL(lseek(out, 0, SEEK_CUR));
	CALL(sendfile(out, fd, NULL, 4));
	CALL(sendfile(ends[1], fd, &at, 100));
	CALL(read(ends[0], bytes, 100));
	CALL(splice(fd, &wide, ends[1], NULL, 5, 0));
	CALL((long)wide);
	CALL(tee(ends[0], others[1], 3, 0));
	CALL(splice(ends[0], NULL, others[1], NULL, 100, 0));
	CALL(splice(ends[0], NULL, others[1], NULL, 100, 0));
	CALL(tee(ends[0], others[1], 3, 0));
	wide = 100;
	CALL(splice(others[0], NULL, out, &wide, 100, 0));
	CALL((long)wide);
	CALL(pread(out, bytes, 100, 100));
	CLAIM(!memcmp(bytes, "34534567", 8));
	CALL(splice(fd, NULL, out, NULL, 5, 0));
	CALL(splice(ends[0], &wide, out, NULL, 5, 0));
	CALL(splice(ends[0], NULL, ends[1], NULL, 5, 0));
	CALL(splice(ends[1], NULL, out, NULL, 5, 0));
	CALL(splice(999, NULL, out, NULL, 5, 0));
	CALL(splice(ends[0], NULL, out, NULL, 0, 0));
	CALL(splice(ends[0], NULL, out, NULL, 5, 0x100));
	CALL(tee(fd, ends[1], 5, 0));
	CALL(vmsplice(ends[1], &part, 1, 0));
	part.iov_base = bytes, part.iov_len = 100;
	CALL(vmsplice(ends[0], &part, 1, 0));
	CALL(vmsplice(fd, &part, 1, 0));
	CALL(vmsplice(ends[0], &part, 1, SPLICE_F_NONBLOCK));
	CALL(write(ends[1], "last", 4));
	CALL(close(ends[1]));
	CALL(splice(ends[0], NULL, out, NULL, 100, 0));
	CALL(splice(ends[0], NULL, out, NULL, 100, 0));
	loff_t from = 1, to = 5;
	CALL(copy_file_range(fd, &from, out, &to, 4, 0));
	CALL((long)from);
	CALL((long)to);
	CALL(copy_file_range(fd, &from, out, &to, 4, 1));
	CALL(copy_file_range(fd, NULL, ends[0], NULL, 4, 0));
	CALL(copy_file_range(fd, &from, fd, &from, 4, 0));
	from = 0, to = 5;
	CALL(copy_file_range(fd, &from, fd, &to, 5, 0));
	CALL(read(fd, bytes, 100));
	from = 100;
	CALL(copy_file_range(fd, &from, out, &to, 4, 0));
	close(ends[0]);
	unlink("from");
	unlink("to");
}

static void unnamed(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);
	struct stat status;
	char name[30];

	CALL(fstat(fd, &status));
	CALL(status.st_nlink);
	CALL(write(fd, "hidden", 6));
	sprintf(name, "/proc/self/fd/%d", fd);
	CALL(linkat(AT_FDCWD, name, AT_FDCWD, "visible", AT_SYMLINK_FOLLOW));
	CALL(stat("visible", &status));
	CALL(status.st_size);
	CALL(linkat(AT_FDCWD, name, AT_FDCWD, "visible", AT_SYMLINK_FOLLOW));
	CALL(unlink("visible"));
	close(fd);
	CALL(open(".", O_TMPFILE | O_RDONLY, 0640));
	fd = open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0640);
	sprintf(name, "/proc/self/fd/%d", fd);
	CALL(linkat(AT_FDCWD, name, AT_FDCWD, "visible", AT_SYMLINK_FOLLOW));
	close(fd);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGBUS, struck);
	signal(SIGSEGV, struck);
	mkdtemp(folder);
	chdir(folder);
	coherence();
	ends();
	refusals();
	seals();
	holes();
	moving();
	unnamed();
	return rmdir(folder);
}
