/* Every way out of --root, and past --rw, that a program can try by itself: one line each. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char bytes[200];

/* What is found behind a descriptor, or why there is none. */
static void tell(const char *attack, int fd)
{
	int error = errno, size;

	memset(bytes, 0, sizeof bytes);
	size = fd < 0 ? -1 : (int)read(fd, bytes, sizeof bytes - 1);
	if (fd < 0)
		printf("%s: %s\n", attack, strerrorname_np(error));
	else
		printf("%s: %s\n", attack, size < 0 ? strerrorname_np(errno) : strstr(bytes, "SECRET") ? "SECRET" : "own");
	if (fd >= 0)
		close(fd);
}

static void done(const char *attack, long result)
{
	printf("%s: %s\n", attack, result < 0 ? strerrorname_np(errno) : "done");
}

static int resolved(int at, const char *path, unsigned long long resolve)
{
	unsigned long long how[3] = { O_RDONLY, 0, resolve };

	return syscall(SYS_openat2, at, path, how, sizeof how);
}

static void paths(void)
{
	int top = open("/", O_PATH | O_DIRECTORY), deep = open("/d/e", O_PATH | O_DIRECTORY), fd;
	char name[60];

	tell("dots from a descriptor", openat(top, "../secret", O_RDONLY));
	tell("dots from deep below", openat(deep, "../../../secret", O_RDONLY));
	tell("a link made by the guest", (symlink("../../../secret", "/d/own"), open("/d/own", O_RDONLY)));
	tell("an absolute link made by the guest", (symlink(getenv("SECRET"), "/d/far"), open("/d/far", O_RDONLY)));
	tell("the root of the process", open("/proc/self/root/../secret", O_RDONLY));
	tell("the root of another process", open("/proc/1/root/secret", O_RDONLY));
	tell("the directory of the parent", (sprintf(name, "/proc/%d/cwd/../secret", getppid()), open(name, O_RDONLY)));
	tell("a descriptor's magic link", (sprintf(name, "/proc/self/fd/%d/../secret", top), open(name, O_RDONLY)));
	tell("through /dev", open("/dev/fd/../../../secret", O_RDONLY));
	tell("the host's path", open(getenv("SECRET"), O_RDONLY));
	tell("resolved in root", resolved(deep, "/../../secret", 0x10));
	tell("resolved beneath", resolved(deep, "../../secret", 0x08));
	chdir("/d/e");
	done("rename of the working directory", rename("/d/e", "/moved"));
	tell("dots after the rename", open("../../secret", O_RDONLY));
	done("removal of the working directory", rmdir("/moved"));
	tell("dots from nowhere", open("../../secret", O_RDONLY));
	chdir("/");
	done("chroot below", chroot("/d"));
	tell("a descriptor from before", openat(top, "../secret", O_RDONLY));
	done("back to the old root", fchdir(top));
	tell("dots from the old root", open("../../secret", O_RDONLY));
	done("chroot to the old root", chroot("."));
	close(top);
	close(deep);
}

static void descriptors(void)
{
	int ends[2], file = open("/f", O_PATH), status, fd;
	char name[60], control[CMSG_SPACE(4)] = { 0 };
	struct iovec part = { "x", 1 };
	struct msghdr message = { 0, 0, &part, 1, control, sizeof control };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	done("write through O_PATH", write(file, "bad", 3));
	sprintf(name, "/proc/self/fd/%d", file);
	done("reopened for writing", (fd = open(name, O_WRONLY)) < 0 ? -1 : write(fd, "changed", 7));
	tell("the change is the guest's own", open("/f", O_RDONLY));
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	if (!fork()) {
		chroot("/d");
		chdir("/");
		part.iov_base = bytes;
		recvmsg(ends[1], &message, 0);
		memcpy(&fd, CMSG_DATA(head), 4);
		tell("a directory that was sent", openat(fd, "../secret", O_RDONLY));
		tell("and dots from it", openat(fd, "../../../../secret", O_RDONLY));
		exit(0);
	}
	head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(4);
	fd = open("/", O_RDONLY | O_DIRECTORY);
	memcpy(CMSG_DATA(head), &fd, 4);
	fflush(stdout);
	sendmsg(ends[0], &message, 0);
	wait(&status);
}

static void granted(void)
{
	int fd = open("/d", O_RDONLY | O_DIRECTORY), file;
	struct sockaddr_un name = { AF_UNIX, "/rw/socket" };
	char *map, path[60];

	done("a link out of the grant", symlink("../f", "/rw/link"));
	done("write through it", (file = open("/rw/link", O_WRONLY | O_TRUNC)) < 0 ? -1 : write(file, "no", 2));
	done("a host's path in a link", symlink(getenv("SECRET"), "/rw/far"));
	tell("which leads nowhere", open("/rw/far", O_RDWR));
	done("rename out", rename("/rw/g", "/g"));
	done("rename in", rename("/f", "/rw/f"));
	done("link in", link("/f", "/rw/f"));
	sprintf(path, "/proc/self/fd/%d", open("/f", O_RDONLY));
	done("link in by descriptor", linkat(AT_FDCWD, path, AT_FDCWD, "/rw/f", AT_SYMLINK_FOLLOW));
	done("link to outside", linkat(AT_FDCWD, getenv("SECRET"), AT_FDCWD, "/rw/s", 0));
	done("a device", mknod("/rw/null", S_IFCHR | 0666, 0x103));
	done("a device in memory", mknod("/d/null", S_IFCHR | 0666, 0x103));
	done("a socket", bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&name, sizeof name));
	done("an unnamed file", open("/rw", O_TMPFILE | O_RDWR, 0600));
	done("a swap with a directory outside", syscall(SYS_renameat2, AT_FDCWD, "/rw/sub", AT_FDCWD, "/d", 2));
	done("a mount", mount("/rw", "/d", NULL, MS_BIND, NULL));
	done("a new root", syscall(SYS_pivot_root, "/rw", "/rw"));
	done("a handle", syscall(SYS_open_by_handle_at, fd, bytes, O_RDONLY));
	file = open("/host", O_RDWR);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	strcpy(map, "stored");
	done("stores through a shared mapping", msync(map, 4096, MS_SYNC));
	tell("seen by the guest", open("/host", O_RDONLY));
	done("sendfile into a host's file", sendfile(open("/host", O_WRONLY), open("/f", O_RDONLY), NULL, 3));
	done("truncation", truncate("/host", 1));
	done("other rights", chmod("/host", 0777));
	done("times", utimensat(AT_FDCWD, "/host", NULL, 0));
	done("removal", unlink("/host"));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	paths();
	descriptors();
	granted();
	return 0;
}
