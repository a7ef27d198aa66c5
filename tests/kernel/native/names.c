/* Names and ranges of files: RESOLVE_* one by one, renameat2, linkat, fallocate, statx, and what moves bytes between files. */
#include "claims.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/socket.h>
#ifndef RENAME_EXCHANGE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif

#define P 4096L
static char folder[] = "/tmp/claims-XXXXXX", bytes[20000];

static int make(const char *name, const char *content)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	write(fd, content, strlen(content));
	return fd;
}

static int resolved(int dir, const char *path, unsigned long flags, unsigned long resolve)
{
	struct open_how how = { .flags = flags, .resolve = resolve };
	int fd = syscall(SYS_openat2, dir, path, &how, sizeof how);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static void resolving(void)
{
	int dir, top;
	struct { struct open_how how; long more; } wide = { { .flags = O_RDONLY } };
	char path[40];

	mkdir("d", 0755), mkdir("d/e", 0755);
	close(make("d/f", "inside")), close(make("f", "outside"));
	symlink("f", "d/link"), symlink("../f", "d/up"), symlink("/", "d/root"), symlink("e", "d/dir");
	symlink("/f", "d/absolute"), symlink("loop", "d/loop");
	dir = open("d", O_PATH | O_DIRECTORY), top = open("/", O_PATH);
	CALL(resolved(dir, "f", O_RDONLY, 0));
	CALL(resolved(dir, "../f", O_RDONLY, 0));
	CALL(resolved(dir, "../f", O_RDONLY, RESOLVE_BENEATH));
	CALL(resolved(dir, "e/../f", O_RDONLY, RESOLVE_BENEATH));
	CALL(resolved(dir, "e/../../f", O_RDONLY, RESOLVE_BENEATH));
	CALL(resolved(dir, "..", O_PATH, RESOLVE_BENEATH));
	CALL(resolved(dir, "/etc", O_PATH, RESOLVE_BENEATH));
	CALL(resolved(dir, "link", O_RDONLY, RESOLVE_BENEATH));
	CALL(resolved(dir, "up", O_RDONLY, RESOLVE_BENEATH));
	CALL(resolved(dir, "root", O_PATH, RESOLVE_BENEATH));
	CALL(resolved(dir, "root", O_PATH | O_NOFOLLOW, RESOLVE_BENEATH));
	CALL(resolved(dir, "dir/../f", O_RDONLY, RESOLVE_BENEATH));
	CALL(resolved(dir, "f", O_RDONLY, RESOLVE_IN_ROOT));
	CALL(resolved(dir, "/f", O_RDONLY, RESOLVE_IN_ROOT));
	CALL(resolved(dir, "../../f", O_RDONLY, RESOLVE_IN_ROOT));
	CALL(resolved(dir, "up", O_RDONLY, RESOLVE_IN_ROOT));
	CALL(resolved(dir, "absolute", O_RDONLY, RESOLVE_IN_ROOT));
	CALL(resolved(dir, "root/e", O_PATH, RESOLVE_IN_ROOT));
	CALL(resolved(dir, "root/etc", O_PATH, RESOLVE_IN_ROOT));
	CALL(resolved(dir, "link", O_RDONLY, RESOLVE_NO_SYMLINKS));
	CALL(resolved(dir, "link", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS));
	CALL(resolved(dir, "dir/.", O_PATH, RESOLVE_NO_SYMLINKS));
	CALL(resolved(dir, "loop", O_PATH, 0));
	sprintf(path, "/proc/self/fd/%d", dir);
	CALL(resolved(AT_FDCWD, path, O_PATH, 0));
	CALL(resolved(AT_FDCWD, path, O_PATH, RESOLVE_NO_MAGICLINKS));
	CALL(resolved(AT_FDCWD, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_MAGICLINKS));
	CALL(resolved(AT_FDCWD, "/proc/self", O_PATH, RESOLVE_NO_MAGICLINKS));
	CALL(resolved(AT_FDCWD, "/proc/self/cwd", O_PATH, RESOLVE_NO_MAGICLINKS));
	CALL(resolved(top, "proc", O_PATH, RESOLVE_NO_XDEV));
	CALL(resolved(top, "proc/self", O_PATH, RESOLVE_NO_XDEV));
	CALL(resolved(dir, "f", O_RDONLY, RESOLVE_NO_XDEV));
	CALL(resolved(top, "proc/self/fd/0", O_PATH, RESOLVE_BENEATH));
	CALL(resolved(dir, "f", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
	CALL(resolved(dir, "f", O_RDONLY, 0x100));
	CALL(resolved(dir, "f", O_RDONLY | 1UL << 40, 0));
	CALL(resolved(dir, "new", O_CREAT | O_WRONLY, RESOLVE_CACHED));
	CALL(syscall(SYS_openat2, dir, "f", &wide, 8));
	CALL(syscall(SYS_openat2, dir, "f", &wide, sizeof wide) >= 0);
	wide.more = 1;
	CALL(syscall(SYS_openat2, dir, "f", &wide, sizeof wide));
	wide.how.mode = 0644;
	CALL(syscall(SYS_openat2, dir, "f", &wide, 24));
	CALL(syscall(SYS_openat2, dir, "f", (void *)8, 24));
}

static void renaming(void)
{
	struct stat status;

	close(make("a", "a")), close(make("b", "bb"));
	CALL(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	CALL(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
	CALL(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE));
	CALL(stat("c", &status));
	CALL(status.st_size);
	CALL(renameat2(AT_FDCWD, "b", AT_FDCWD, "missing", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "b", AT_FDCWD, "d", RENAME_EXCHANGE));
	CALL(stat("b/f", &status));
	CALL(renameat2(AT_FDCWD, "b", AT_FDCWD, "d", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE));
	CALL(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_WHITEOUT));
	CALL(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", 8));
	CALL(renameat2(AT_FDCWD, "d", AT_FDCWD, "d/e/x", 0));
	CALL(renameat2(AT_FDCWD, "d/e", AT_FDCWD, "d", 0));
	CALL(renameat2(AT_FDCWD, "d/e", AT_FDCWD, "d", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", 0));
	CALL(renameat2(AT_FDCWD, "d", AT_FDCWD, "c", 0));
	CALL(renameat2(AT_FDCWD, "d/.", AT_FDCWD, "x", 0));
	CALL(renameat2(AT_FDCWD, "d/..", AT_FDCWD, "x", 0));
	CALL(renameat2(AT_FDCWD, "c", AT_FDCWD, "x/", 0));
	CALL(renameat2(AT_FDCWD, "c/", AT_FDCWD, "x", 0));
	CALL(renameat2(AT_FDCWD, "missing", AT_FDCWD, "x", 0));
	CALL(renameat2(AT_FDCWD, "", AT_FDCWD, "x", 0));
	CALL(link("c", "c2"));
	CALL(rename("c", "c2"));
	CALL(stat("c", &status));
	CALL(status.st_nlink);
	CALL(unlink("c2"));
}

static void linking(void)
{
	int fd = open("c", O_RDONLY), path = open("c", O_PATH), dir = open("d", O_RDONLY);
	char name[40];

	CALL(linkat(fd, "", AT_FDCWD, "l1", AT_EMPTY_PATH));
	CALL(linkat(path, "", AT_FDCWD, "l2", AT_EMPTY_PATH));
	CALL(linkat(fd, "", AT_FDCWD, "l3", 0));
	CALL(linkat(dir, "", AT_FDCWD, "l3", AT_EMPTY_PATH));
	sprintf(name, "/proc/self/fd/%d", fd);
	CALL(linkat(AT_FDCWD, name, AT_FDCWD, "l3", 0));
	CALL(linkat(AT_FDCWD, name, AT_FDCWD, "l3", AT_SYMLINK_FOLLOW));
	CALL(linkat(AT_FDCWD, "d/up", AT_FDCWD, "l4", 0));
	CALL(linkat(AT_FDCWD, "d/up", AT_FDCWD, "l5", AT_SYMLINK_FOLLOW));
	CALL(linkat(AT_FDCWD, "d", AT_FDCWD, "l6", 0));
	CALL(linkat(AT_FDCWD, "c", AT_FDCWD, "l6", 0x4000));
	CALL(unlinkat(AT_FDCWD, "d", 0));
	CALL(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	CALL(unlinkat(AT_FDCWD, "l1", AT_REMOVEDIR));
	CALL(unlinkat(AT_FDCWD, "l1", 0x4000));
	unlink("l1"), unlink("l2"), unlink("l3"), unlink("l4"), unlink("l5");
	CALL(mknod("fifo", S_IFIFO | 0600, 0));
	CALL(mknod("plain", S_IFREG | 0600, 0));
	CALL(mknod("plain", S_IFREG | 0600, 0));
	CALL(mknod("directory", S_IFDIR | 0600, 0));
	CALL(mknod("strange", 0110000, 0));
	unlink("fifo"), unlink("plain");
}

static void described(void)
{
	struct statx told;
	int fd = make("x", "12345");

	symlink("x", "y");
	CALL(statx(AT_FDCWD, "x", 0, STATX_BASIC_STATS, &told));
	CLAIM((told.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	CALL(told.stx_size);
	CLAIM(S_ISREG(told.stx_mode) && told.stx_nlink == 1);
	CALL(statx(AT_FDCWD, "y", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &told));
	CLAIM(S_ISLNK(told.stx_mode));
	CALL(statx(AT_FDCWD, "y", 0, STATX_TYPE, &told));
	CLAIM(S_ISREG(told.stx_mode));
	CALL(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &told));
	CALL(told.stx_size);
	CALL(statx(fd, "", 0, STATX_SIZE, &told));
	CALL(statx(fd, NULL, AT_EMPTY_PATH, STATX_SIZE, &told));
	CALL(statx(AT_FDCWD, "x", AT_STATX_FORCE_SYNC, 0, &told));
	CALL(statx(AT_FDCWD, "x", AT_STATX_DONT_SYNC, 0, &told));
	CALL(statx(AT_FDCWD, "x", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &told));
	CALL(statx(AT_FDCWD, "x", 0x10000, 0, &told));
	CALL(statx(AT_FDCWD, "x", 0, 0x80000000, &told));
	CALL(statx(AT_FDCWD, "x", 0, 0, (void *)8));
	CALL(statx(AT_FDCWD, "missing", 0, 0, &told));
	CALL(statx(99, "x", 0, 0, &told));
	CALL(statx(fd, "x", 0, 0, &told));
	unlink("x"), unlink("y");
}

static void ranges(void)
{
	int fd = memfd_create("ranges", 0), ends[2], reader = open("c", O_RDONLY);
	struct stat status;

	CALL(fallocate(fd, 0, 0, 3 * P));
	fstat(fd, &status);
	CALL(status.st_size);
	CALL(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 5 * P));
	fstat(fd, &status);
	CALL(status.st_size);
	CALL(pwrite(fd, "abc", 3, P));
	CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, P + 1, 1));
	CALL(pread(fd, bytes, 3, P));
	CLAIM(bytes[0] == 'a' && !bytes[1] && bytes[2] == 'c');
	CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * P, P));
	CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, P));
	CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, P));
	CALL(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, P));
	CALL(fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, P));
	CALL(fallocate(fd, 0x1000, 0, P));
	CALL(fallocate(fd, 0, 0, -1));
	CALL(fallocate(fd, 0, 0x7ffffffffffff000, P));
	CALL(fallocate(reader, 0, 0, P));
	pipe(ends);
	CALL(fallocate(ends[1], 0, 0, P));
	CALL(fallocate(open(".", O_RDONLY), 0, 0, P));
	CALL(posix_fallocate(fd, 0, 10 * P));
	CALL(lseek(fd, 0, SEEK_END));
}

static void moved(void)
{
	int from = make("from", "0123456789"), to = make("to", ""), reader = open("to", O_RDONLY), ends[2], wide[2];
	int tail = open("to", O_WRONLY | O_APPEND), sockets[2];
	loff_t at = 3, there = 0;
	struct iovec parts[2] = { { "abc", 3 }, { (void *)8, 4 } };

	pipe2(ends, O_NONBLOCK), pipe2(wide, O_NONBLOCK);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets);
	CALL(copy_file_range(from, &at, to, NULL, 100, 0));
	CALL((long)at);
	CALL(lseek(to, 0, SEEK_CUR));
	CALL(lseek(from, 0, SEEK_CUR));
	CALL(copy_file_range(from, &at, to, &there, 100, 0));
	CALL(copy_file_range(from, &at, reader, &there, 100, 0));
	CALL(copy_file_range(from, &at, tail, &there, 100, 0));
	at = -1;
	CALL(copy_file_range(from, &at, to, &there, 100, 0));
	at = 0;
	CALL(copy_file_range(from, &at, to, (void *)8, 100, 0));
	CALL(copy_file_range(from, &at, to, &there, 0, 0));
	CALL(copy_file_range(from, &at, ends[1], NULL, 4, 0));
	CALL(sendfile(ends[1], from, (at = 0, (off_t *)NULL), 4));
	lseek(from, 2, SEEK_SET);
	CALL(sendfile(ends[1], from, NULL, 4));
	CALL(lseek(from, 0, SEEK_CUR));
	CALL(sendfile(tail, from, NULL, 4));
	CALL(sendfile(to, ends[0], NULL, 4));
	CALL(sendfile(sockets[0], from, NULL, 2));
	CALL(recv(sockets[1], bytes, 100, 0));
	CALL(sendfile(to, sockets[1], NULL, 4));
	CALL(splice(ends[0], NULL, sockets[0], NULL, 2, 0));
	CALL(recv(sockets[1], bytes, 100, 0));
	CALL(write(sockets[1], "socket", 6));
	CALL(splice(sockets[0], NULL, wide[1], NULL, 100, 0));
	CALL(splice(sockets[0], NULL, wide[1], NULL, 100, SPLICE_F_NONBLOCK));
	CALL(tee(wide[0], ends[1], 100, 0));
	CALL(read(ends[0], bytes, 100));
	CALL(splice(wide[0], NULL, tail, NULL, 100, 0));
	CALL(splice(wide[0], NULL, reader, NULL, 100, 0));
	CALL(splice(wide[1], NULL, to, NULL, 100, 0));
	CALL(splice(from, (at = -1, &at), ends[1], NULL, 4, 0));
	CALL(splice(from, (at = 100, &at), ends[1], NULL, 4, 0));
	CALL(vmsplice(ends[1], parts, 2, 0));
	CALL(vmsplice(ends[1], parts + 1, 1, 0));
	CALL(vmsplice(ends[1], parts, 2000, 0));
	CALL(vmsplice(ends[1], parts, 0, 0));
	CALL(tee(ends[0], ends[1], 3, 0));
	unlink("from"), unlink("to");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdtemp(folder);
	chdir(folder);
	resolving();
	renaming();
	linking();
	described();
	ranges();
	moved();
	chdir("/");
	execl("/bin/rm", "rm", "-r", folder, NULL);
	return 1;
}
