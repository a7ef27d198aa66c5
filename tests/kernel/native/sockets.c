/* Sockets of AF_UNIX: names, pairs, records, messages, and what travels beside them. */
#include "claims.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char bytes[300000];

static struct sockaddr_un name(const char *path)
{
	struct sockaddr_un address = { AF_UNIX };

	strcpy(address.sun_path, path);
	return address;
}

static int bound(int sort, const char *path)
{
	struct sockaddr_un address = name(path);
	int fd = socket(AF_UNIX, sort, 0);

	CALL(bind(fd, (void *)&address, sizeof address));
	return fd;
}

static int reach(int fd, const char *path)
{
	struct sockaddr_un address = name(path);

	return connect(fd, (void *)&address, sizeof address);
}

static void events(const char *what, int fd)
{
	struct pollfd one = { fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI };

	printf("%s: %d %#x\n", what, poll(&one, 1, 0), one.revents);
}

static int error_of(int fd)
{
	int error = -1;
	socklen_t size = sizeof error;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static void making(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), ends[2];
	struct stat status;

	CALL(fcntl(fd, F_GETFD));
	CALL(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CALL(fstat(fd, &status));
	CLAIM(S_ISSOCK(status.st_mode));
	CALL(lseek(fd, 0, SEEK_CUR));
	CALL(pread(fd, bytes, 1, 0));
	CALL(ftruncate(fd, 0));
	events("a new one", fd);
	CALL(read(fd, bytes, 1));
	CALL(write(fd, bytes, 1));
	CALL(listen(fd, 1));
	CALL(accept(fd, NULL, NULL));
	CALL(getpeername(fd, (void *)bytes, &(socklen_t){ 10 }));
	CALL(socket(AF_UNIX, 77, 0));
	CALL(socket(AF_UNIX, SOCK_STREAM, 77));
	CALL(socket(AF_UNIX, SOCK_STREAM, 1));
	CALL(socket(AF_UNIX, SOCK_RDM, 0));
	CALL(socket(77, SOCK_STREAM, 0));
	CALL(socket(-1, SOCK_STREAM, 0));
	CALL(socket(AF_UNIX, SOCK_STREAM | 0x1000, 0));
	CALL(socketpair(AF_INET, SOCK_STREAM, 0, ends));
	CALL(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8));
	CALL(shutdown(0, 0));
	CALL(bind(999, NULL, 0));
	CALL(listen(1, 0));
	CALL(shutdown(fd, 3));
	CALL(close(fd));
}

static void pairs(void)
{
	int ends[2];
	socklen_t size = sizeof(struct sockaddr_un);
	struct sockaddr_un address;

	CALL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	events("fresh", ends[0]);
	CALL(write(ends[0], "hello", 5));
	CALL(write(ends[0], "world", 5));
	events("with bytes", ends[1]);
	int waiting = 0;
	CALL(ioctl(ends[1], FIONREAD, &waiting));
	CALL(waiting);
	CALL(recv(ends[1], bytes, 3, MSG_PEEK));
	CALL(recv(ends[1], bytes, 8, 0));
	CLAIM(!memcmp(bytes, "hellowor", 8));
	CALL(recv(ends[1], bytes, 8, MSG_DONTWAIT));
	CALL(recv(ends[1], bytes, 8, MSG_DONTWAIT));
	CALL(send(ends[0], "x", 1, MSG_OOB) == 1 || errno == EOPNOTSUPP);
	recv(ends[1], bytes, 8, MSG_DONTWAIT);
	CALL(getsockname(ends[0], (void *)&address, &size));
	CALL(size);
	CALL(getpeername(ends[0], (void *)&address, &size));
	CALL(size);
	CALL(reach(ends[0], "/nowhere"));
	CALL(sendto(ends[0], "x", 1, 0, (void *)&address, sizeof address));
	CALL(shutdown(ends[0], SHUT_WR));
	events("it sends no more", ends[0]);
	events("the other hears no more", ends[1]);
	CALL(read(ends[1], bytes, 1));
	CALL(write(ends[0], "x", 1));
	CALL(write(ends[1], "back", 4));
	CALL(read(ends[0], bytes, 8));
	CALL(shutdown(ends[1], SHUT_RDWR));
	events("over", ends[0]);
	CALL(send(ends[1], "x", 1, MSG_NOSIGNAL));
	CALL(close(ends[1]));
	CALL(read(ends[0], bytes, 8));
	close(ends[0]);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
	CALL(write(ends[0], "unread", 6));
	CALL(close(ends[1]));
	events("closed before it was read", ends[0]);
	CALL(error_of(ends[0]));
	CALL(error_of(ends[0]));
	CALL(read(ends[0], bytes, 8));
	CALL(write(ends[0], "x", 1));
	close(ends[0]);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
	while (write(ends[0], bytes, 1000) > 0)
		;
	CLAIM(errno == EAGAIN);
	events("full", ends[0]);
	while (read(ends[1], bytes, sizeof bytes) > 0)
		;
	events("empty", ends[0]);
	close(ends[0]);
	close(ends[1]);
}

static void records(void)
{
	int ends[2];
	struct iovec parts[2] = { { "ab", 2 }, { "cde", 3 } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	CALL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends));
	CALL(sendmsg(ends[0], &message, 0));
	CALL(send(ends[0], "", 0, 0));
	CALL(send(ends[0], "second", 6, 0));
	CALL(recv(ends[1], bytes, 100, 0));
	CLAIM(!memcmp(bytes, "abcde", 5));
	CALL(recv(ends[1], bytes, 100, 0));
	parts[0].iov_base = bytes, parts[0].iov_len = 3;
	message.msg_iovlen = 1;
	CALL(recvmsg(ends[1], &message, MSG_PEEK | MSG_TRUNC));
	CALL(recvmsg(ends[1], &message, 0));
	CLAIM(message.msg_flags & MSG_TRUNC);
	CALL(recv(ends[1], bytes, 100, 0));
	CALL(close(ends[0]));
	CALL(recv(ends[1], bytes, 100, 0));
	CALL(send(ends[1], "x", 1, MSG_NOSIGNAL));
	close(ends[1]);
	CALL(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends));
	CALL(send(ends[0], "one", 3, 0));
	CALL(send(ends[0], "three", 5, 0));
	events("messages", ends[1]);
	int waiting;
	CALL(ioctl(ends[1], FIONREAD, &waiting));
	CALL(waiting);
	CALL(recv(ends[1], bytes, 2, MSG_TRUNC));
	CALL(recv(ends[1], bytes, 2, 0));
	CALL(send(ends[0], bytes, sizeof bytes, 0));
	CALL(close(ends[1]));
	CALL(send(ends[0], "x", 1, 0));
	CALL(send(ends[0], "x", 1, 0));
	close(ends[0]);
}

static void names(void)
{
	int server = bound(SOCK_STREAM, "stream.sock"), client = socket(AF_UNIX, SOCK_STREAM, 0), end;
	struct sockaddr_un address;
	socklen_t size = sizeof address;
	struct stat status;

	CALL(stat("stream.sock", &status));
	CLAIM(S_ISSOCK(status.st_mode) && (status.st_mode & 0777) == 0755);
	CALL(open("stream.sock", O_RDWR));
	CALL(getsockname(server, (void *)&address, &size));
	CALL(size);
	CLAIM(!strcmp(address.sun_path, "stream.sock"));
	CALL(reach(client, "stream.sock"));
	CALL(listen(server, 1));
	events("nobody asked", server);
	CALL(reach(client, "stream.sock"));
	events("somebody asked", server);
	CALL(write(client, "early", 5));
	CALL(reach(client, "stream.sock"));
	size = sizeof address;
	end = accept4(server, (void *)&address, &size, SOCK_CLOEXEC);
	CALL(fcntl(end, F_GETFD));
	CALL(size);
	CALL(read(end, bytes, 10));
	size = sizeof address;
	CALL(getpeername(client, (void *)&address, &size));
	CALL(size);
	size = 4;
	CALL(getpeername(client, (void *)&address, &size));
	CALL(size);
	CALL(close(server));
	CALL(write(client, "still", 5));
	CALL(read(end, bytes, 10));
	CALL(reach(socket(AF_UNIX, SOCK_STREAM, 0), "stream.sock"));
	CALL(reach(socket(AF_UNIX, SOCK_STREAM, 0), "nothing.sock"));
	CALL(reach(socket(AF_UNIX, SOCK_STREAM, 0), "/proc/self/exe"));
	bound(SOCK_STREAM, "stream.sock");
	CALL(unlink("stream.sock"));
	server = bound(SOCK_STREAM, "stream.sock");
	CALL(bind(server, (void *)&address, sizeof address));
	CALL(reach(socket(AF_UNIX, SOCK_DGRAM, 0), "stream.sock"));
	CALL(unlink("stream.sock"));
	close(server);
	close(client);
	close(end);
	bound(SOCK_STREAM, "no/such/directory");
	address.sun_family = AF_INET;
	CALL(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, sizeof address));
	CALL(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, 1));
	CALL(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, 1000));
	CALL(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)8, 20));
}

static void abstract(void)
{
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), client, i;
	struct sockaddr_un address = { AF_UNIX, "\0a name without a file" };
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + 12, told;

	CALL(bind(server, (void *)&address, size));
	CALL(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, size));
	told = sizeof address;
	CALL(getsockname(server, (void *)&address, &told));
	CALL(told);
	CALL(listen(server, 0));
	for (i = 0; i < 2; i++) {
		client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		CALL(connect(client, (void *)&address, size));
	}
	CALL(accept(server, NULL, NULL) > 0);
	CALL(connect(client, (void *)&address, size));
	CALL(connect(client, (void *)&address, size - 1));
	CALL(close(server));
	CALL(connect(client, (void *)&address, size));
	address.sun_family = AF_UNIX;
	CALL(bind(client, (void *)&address, 2));
	told = sizeof address;
	CALL(getsockname(client, (void *)&address, &told));
	CALL(told);
	CLAIM(address.sun_path[0] == 0);
	close(client);
}

static void letters(void)
{
	int box = bound(SOCK_DGRAM, "box.sock"), other = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = name("box.sock"), from;
	socklen_t size = sizeof from;
	int i;

	CALL(sendto(other, "hello", 5, 0, (void *)&address, sizeof address));
	CALL(recvfrom(box, bytes, 100, 0, (void *)&from, &size));
	CALL(size);
	CALL(send(other, "x", 1, 0));
	CALL(connect(other, (void *)&address, sizeof address));
	CALL(send(other, "connected", 9, 0));
	struct sockaddr_un mine = name("mine.sock");
	CALL(bind(other, (void *)&mine, sizeof mine));
	CALL(send(other, "named", 5, 0));
	size = sizeof from;
	CALL(recvfrom(box, bytes, 100, 0, (void *)&from, &size));
	size = sizeof from;
	CALL(recvfrom(box, bytes, 100, 0, (void *)&from, &size));
	CLAIM(!strcmp(from.sun_path, "mine.sock"));
	for (i = 0; send(other, "z", 1, 0) == 1; i++)
		;
	CALL(i);
	CLAIM(errno == EAGAIN);
	events("a full box", other);
	CALL(recv(box, bytes, 1, 0));
	events("a place in the box", other);
	CALL(recv(other, bytes, 1, 0));
	CALL(sendto(box, "y", 1, 0, (void *)&mine, sizeof mine));
	CALL(sendto(other, "y", 1, 0, (void *)&mine, sizeof mine));
	address.sun_family = AF_UNSPEC;
	CALL(connect(other, (void *)&address, sizeof address));
	CALL(send(other, "x", 1, 0));
	CALL(unlink("box.sock"));
	CALL(unlink("mine.sock"));
	CALL(accept(box, NULL, NULL));
	CALL(listen(box, 1));
	close(box);
	close(other);
}

static long give(int socket, int fd, const char *data, long size)
{
	char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec part = { (void *)data, size };
	struct msghdr message = { 0, 0, &part, 1, control, sizeof control };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(head), &fd, sizeof fd);
	return sendmsg(socket, &message, 0);
}

/* What comes beside the bytes, as text; returns the last descriptor. */
static int take(int socket, int room, int flags)
{
	char control[200];
	struct iovec part = { bytes, 100 };
	struct msghdr message = { 0, 0, &part, 1, control, room };
	struct cmsghdr *head;
	struct ucred sender;
	int fd = -1, i;

	CALL(recvmsg(socket, &message, flags));
	CALL(message.msg_flags);
	CALL(message.msg_controllen);
	for (head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
		printf("level %d type %d size %d\n", head->cmsg_level, head->cmsg_type, (int)head->cmsg_len);
		if (head->cmsg_type == SCM_RIGHTS)
			for (i = 0; i < (head->cmsg_len - CMSG_LEN(0)) / 4; i++)
				memcpy(&fd, CMSG_DATA(head) + 4 * i, 4);
		if (head->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&sender, CMSG_DATA(head), sizeof sender);
			CLAIM(sender.pid == getpid() && sender.uid == getuid() && sender.gid == getgid());
		}
	}
	return fd;
}

static void rights(void)
{
	int ends[2], pipe_ends[2], fd, on = 1, status;
	pid_t child;

	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	pipe(pipe_ends);
	CALL(give(ends[0], pipe_ends[1], "a", 1));
	CALL(close(pipe_ends[1]));
	CALL(write(ends[0], "bc", 2));
	fd = take(ends[1], 200, MSG_CMSG_CLOEXEC);
	CALL(fcntl(fd, F_GETFD));
	CALL(write(fd, "through", 7));
	CALL(read(pipe_ends[0], bytes, 20));
	CALL(close(fd));
	CALL(read(pipe_ends[0], bytes, 20));
	take(ends[1], 200, 0);
	CALL(give(ends[0], pipe_ends[0], "d", 1));
	take(ends[1], 4, 0);
	CALL(give(ends[0], 999, "e", 1));
	CALL(give(ends[0], pipe_ends[0], "", 0));
	CALL(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	CALL(give(ends[0], pipe_ends[0], "f", 1));
	close(take(ends[1], 200, 0));
	CALL(write(ends[0], "g", 1));
	take(ends[1], 0, 0);
	CALL(give(ends[0], ends[0], "itself", 6));
	CALL(close(ends[1]));
	close(ends[0]);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
	child = fork();
	if (!child) {
		pipe(pipe_ends);
		give(ends[0], pipe_ends[0], "to my parent", 12);
		write(pipe_ends[1], "from a child", 12);
		_exit(0);
	}
	waitpid(child, &status, 0);
	fd = take(ends[1], 200, 0);
	CALL(read(fd, bytes, 20));
	CALL(read(fd, bytes, 20));
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

static void options(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), value = 0, ends[2];
	socklen_t size = sizeof value;
	struct ucred peer;
	struct timeval patience = { 0, 3000 };

	CALL(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size));
	CALL(value);
	CALL(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &size));
	CALL(value);
	CALL(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size));
	CALL(value);
	CALL(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, &size));
	CALL(value);
	value = 5000;
	CALL(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, size));
	CALL(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &size));
	CALL(value);
	value = 1;
	CALL(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, size));
	CALL(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &size));
	CALL(value);
	CALL(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, 3));
	CALL(setsockopt(fd, SOL_SOCKET, SO_TYPE, &value, size));
	CALL(setsockopt(fd, SOL_SOCKET, 7777, &value, size));
	CALL(getsockopt(fd, SOL_SOCKET, 7777, &value, &size));
	CALL(getsockopt(fd, 6, 1, &value, &size));
	CALL(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, (void *)8));
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	size = sizeof peer;
	CALL(getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &peer, &size));
	CLAIM(peer.pid == getpid() && peer.uid == getuid());
	CALL(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size));
	CLAIM(peer.pid == 0 && peer.uid == -1);
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
	CALL(recv(ends[0], bytes, 1, 0));
	patience.tv_usec = 1000000;
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

static void many(void)
{
	int ends[2];
	struct iovec parts[3] = { { "one", 3 }, { "two!", 4 }, { "three", 5 } };
	struct mmsghdr messages[3] = { 0 };
	int i;

	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends);
	for (i = 0; i < 3; i++)
		messages[i].msg_hdr.msg_iov = &parts[i], messages[i].msg_hdr.msg_iovlen = 1;
	CALL(sendmmsg(ends[0], messages, 3, 0));
	CALL(messages[2].msg_len);
	for (i = 0; i < 3; i++)
		parts[i].iov_base = bytes + 100 * i, parts[i].iov_len = 100;
	CALL(recvmmsg(ends[1], messages, 2, 0, NULL));
	CALL(messages[1].msg_len);
	CALL(recvmmsg(ends[1], messages, 3, 0, NULL));
	CALL(recvmmsg(ends[1], messages, 3, MSG_DONTWAIT, NULL));
	close(ends[0]);
	close(ends[1]);
}

static void whole(void)
{
	int ends[2], status;
	pid_t child;

	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	child = fork();
	if (!child) {
		int i;

		for (i = 0; i < 300; i++)
			write(ends[1], bytes, 1000);
		_exit(0);
	}
	close(ends[1]);
	CALL(recv(ends[0], bytes, 250000, MSG_WAITALL));
	CALL(recv(ends[0], bytes, 100000, MSG_WAITALL));
	CLAIM(waitpid(child, &status, 0) == child && !status);
	close(ends[0]);
}

int main(void)
{
	char folder[] = "/tmp/claims-XXXXXX";

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	mkdtemp(folder);
	chdir(folder);
	making();
	pairs();
	records();
	names();
	abstract();
	letters();
	rights();
	options();
	many();
	whole();
	return rmdir(folder);
}
