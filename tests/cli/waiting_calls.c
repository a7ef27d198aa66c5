/* Calls about sockets, waiting, locks and terminals whose traces hold nothing that differs by run. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static char bytes[64];

static void waiting(void)
{
	int list = epoll_create1(EPOLL_CLOEXEC), event = eventfd(3, EFD_NONBLOCK), pipe_ends[2];
	struct epoll_event told[4] = { { EPOLLIN | EPOLLET | EPOLLONESHOT, { .u64 = 0x700000005ull } } };
	struct pollfd polled[3] = { { event, POLLIN | POLLOUT }, { -1 }, { 0, POLLPRI | POLLRDHUP } };
	fd_set reads, writes;
	sigset_t signals;
	struct itimerspec setting = { { 1, 2 }, { 3000, 4 } };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	epoll_ctl(list, EPOLL_CTL_ADD, event, told);
	epoll_wait(list, told, 4, 0);
	epoll_wait(list, told, 4, 0);
	epoll_ctl(list, EPOLL_CTL_DEL, event, NULL);
	epoll_ctl(list, EPOLL_CTL_DEL, event, NULL);
	poll(polled, 2, 0);
	pipe(pipe_ends);
	polled[0].fd = pipe_ends[0], polled[0].events = POLLIN;
	poll(polled, 1, 0);
	FD_ZERO(&reads);
	FD_ZERO(&writes);
	FD_SET(pipe_ends[0], &reads);
	FD_SET(pipe_ends[1], &writes);
	select(pipe_ends[1] + 1, &reads, &writes, NULL, NULL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	signalfd(-1, &signals, SFD_NONBLOCK);
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &setting, NULL);
	timerfd_settime(timer, 0, &(struct itimerspec){ 0 }, NULL);
	timerfd_gettime(timer, &setting);
	memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static void talking(void)
{
	int ends[2], fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), on = 1, size = 0;
	struct sockaddr_in any = { AF_INET };
	struct sockaddr_in6 six = { AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_un name = { AF_UNIX, "\0an abstract name" }, told;
	struct iovec parts[2] = { { "ab", 2 }, { "cde", 3 } };
	struct linger lingers = { 1, 5 };
	union { struct cmsghdr head; char room[CMSG_SPACE(4)]; } control = { { CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr message = { NULL, 0, parts, 2, &control, sizeof control };
	socklen_t length = sizeof told;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &lingers, sizeof lingers);
	length = sizeof on;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &on, &length);
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connect(fd, (void *)&any, sizeof any);
	connect(socket(AF_INET6, SOCK_DGRAM, 0), (void *)&six, sizeof six);
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	memcpy(CMSG_DATA(&control.head), &fd, 4);
	sendmsg(ends[0], &message, MSG_NOSIGNAL);
	parts[0].iov_base = bytes, parts[0].iov_len = 40;
	message.msg_iovlen = 1;
	recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC);
	send(ends[0], "hello", 5, 0);
	length = sizeof told;
	recvfrom(ends[1], bytes, sizeof bytes, MSG_PEEK, (void *)&told, &length);
	recv(ends[1], bytes, sizeof bytes, MSG_DONTWAIT);
	recv(ends[1], bytes, sizeof bytes, MSG_DONTWAIT);
	ioctl(ends[1], FIONREAD, &size);
	length = sizeof told;
	getsockname(ends[0], (void *)&told, &length);
	shutdown(ends[0], SHUT_WR);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	bind(fd, (void *)&name, offsetof(struct sockaddr_un, sun_path) + 17);
	listen(fd, 5);
	accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	sendto(fd, "letter", 6, 0, (void *)&name, offsetof(struct sockaddr_un, sun_path) + 17);
	length = sizeof told;
	recvfrom(fd, bytes, 3, MSG_TRUNC, (void *)&told, &length);
}

static void files(void)
{
	int fd = open("g", O_RDWR | O_CREAT, 0600), ends[2];
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -1, .l_len = 1 };
	off_t at = 1;
	loff_t wide = 2;

	write(fd, "0123456789", 10);
	fcntl(fd, F_SETLK, &lock);
	fcntl(fd, F_OFD_GETLK, &lock);
	flock(fd, LOCK_EX | LOCK_NB);
	fcntl(fd, F_GET_SEALS);
	pipe2(ends, O_NONBLOCK);
	sendfile(ends[1], fd, &at, 3);
	splice(fd, &wide, ends[1], NULL, 4, SPLICE_F_NONBLOCK);
	vmsplice(ends[1], &(struct iovec){ "gift", 4 }, 1, SPLICE_F_GIFT);
	tee(ends[0], ends[1], 3, SPLICE_F_NONBLOCK);
	fallocate(fd, FALLOC_FL_KEEP_SIZE, 5, 6);
}

static void terminals(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlocked = 0, waiting;
	struct winsize window = { 24, 80 };
	struct termios settings;

	ioctl(master, TIOCSPTLCK, &unlocked);
	ioctl(master, TIOCSWINSZ, &window);
	ioctl(master, TIOCGWINSZ, &window);
	ioctl(master, TCGETS, &settings);
	ioctl(master, FIONREAD, &waiting);
	ioctl(master, TIOCGPGRP, &waiting);
}

int main(void)
{
	waiting();
	talking();
	files();
	terminals();
	return 0;
}
