/* Descriptors of channels: pipes' sizes, owners and signals of a descriptor, flags of preadv2, and timeouts and out-of-band bytes of sockets. */
#include "claims.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <netinet/in.h>

static char bytes[300000];
static volatile int heard, code, band, which;

static void handler(int signal, siginfo_t *info, void *context)
{
	(void)context;
	heard = signal;
	code = info->si_code;
	band = info->si_band;
	which = info->si_fd;
}

static void pipe_sizes(void)
{
	int ends[2], fd = memfd_create("plain", 0);

	pipe2(ends, O_NONBLOCK);
	CALL(fcntl(ends[0], F_GETPIPE_SZ));
	CALL(fcntl(ends[1], F_SETPIPE_SZ, 5000));
	CALL(fcntl(ends[0], F_GETPIPE_SZ));
	CALL(fcntl(ends[1], F_SETPIPE_SZ, 1));
	CALL(fcntl(ends[1], F_SETPIPE_SZ, 0));
	CALL(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20));
	CALL(write(ends[1], bytes, 200000));
	CALL(fcntl(ends[1], F_SETPIPE_SZ, 4096));
	CALL(fcntl(ends[1], F_SETPIPE_SZ, 262144));
	CALL(fcntl(ends[1], F_SETPIPE_SZ, -1));
	CALL(fcntl(fd, F_GETPIPE_SZ));
	CALL(fcntl(fd, F_SETPIPE_SZ, 4096));
	CALL(ioctl(ends[0], FIONREAD, &fd));
	CALL(fd);
	pipe2(ends, O_DIRECT | O_NONBLOCK);
	CALL(write(ends[1], "one", 3));
	CALL(write(ends[1], "three", 5));
	CALL(read(ends[0], bytes, 2));
	CALL(read(ends[0], bytes, 100));
	CALL(read(ends[0], bytes, 100));
}

static void owners(void)
{
	int ends[2], fd;
	struct f_owner_ex owner = { F_OWNER_PID, 0 };
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	sigaction(SIGIO, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	CALL(fcntl(ends[0], F_GETOWN));
	CALL(fcntl(ends[0], F_GETSIG));
	CALL(fcntl(ends[0], F_SETOWN, getpid()));
	CLAIM(fcntl(ends[0], F_GETOWN) == getpid());
	CALL(fcntl(ends[0], F_SETOWN, -getpgrp()));
	CALL(fcntl(ends[0], F_GETOWN_EX, &owner));
	CLAIM(owner.type == F_OWNER_PGRP && owner.pid == getpgrp());
	owner.type = F_OWNER_TID, owner.pid = getpid();
	CALL(fcntl(ends[0], F_SETOWN_EX, &owner));
	owner.type = 9;
	CALL(fcntl(ends[0], F_SETOWN_EX, &owner));
	CALL(fcntl(ends[0], F_SETOWN, 999999));
	CALL(fcntl(ends[0], F_SETOWN, getpid()));
	CALL(fcntl(ends[0], F_SETFL, O_ASYNC));
	CALL(fcntl(ends[0], F_GETFL) & O_ASYNC);
	CALL(write(ends[1], "x", 1));
	CALL(heard);
	CALL(code);
	CALL(fcntl(ends[0], F_SETSIG, SIGUSR1));
	CALL(fcntl(ends[0], F_GETSIG));
	CALL(write(ends[1], "x", 1));
	CALL(heard);
	CALL(code);
	CALL(band);
	CLAIM(which == ends[0]);
	CALL(fcntl(ends[0], F_SETSIG, 65));
	CALL(fcntl(ends[0], F_SETSIG, -1));
	CALL(fcntl(ends[0], F_SETSIG, 0));
	CALL(fcntl(ends[0], F_SETFL, 0));
	heard = 0;
	CALL(write(ends[1], "x", 1));
	CALL(heard);
	pipe(ends);
	CALL(fcntl(ends[0], F_SETOWN, getpid()));
	CALL(fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	CALL(write(ends[1], "x", 1));
	CALL(heard);
	fd = 1;
	CALL(ioctl(ends[1], FIOASYNC, &fd));
	CALL(fcntl(ends[1], F_GETFL) == (O_WRONLY | O_ASYNC));
	fd = memfd_create("plain", 0);
	CALL(fcntl(fd, F_SETOWN, getpid()));
	CALL(fcntl(fd, F_SETFL, O_ASYNC));
	CALL(fcntl(fd, F_GETFL) & O_ASYNC);
	CALL(fcntl(fd, F_GETLEASE));
	CALL(fcntl(fd, 4711));
	fd = open("/dev/null", O_RDWR);
	CALL(fcntl(fd, F_SETFL, O_ASYNC));
	CALL(fcntl(fd, F_GETFL) & O_ASYNC);
}

static void second_flags(void)
{
	int fd = memfd_create("plain", 0), ends[2];
	struct iovec parts[2] = { { "abc", 3 }, { "defg", 4 } }, into[2] = { { bytes, 2 }, { bytes + 10, 100 } };

	CALL(pwritev2(fd, parts, 2, 0, 0));
	CALL(pwritev2(fd, parts, 2, -1, 0));
	CALL(lseek(fd, 0, SEEK_CUR));
	CALL(pwritev2(fd, parts, 1, 0, RWF_APPEND));
	CALL(lseek(fd, 0, SEEK_CUR));
	CALL(lseek(fd, 0, SEEK_END));
	CALL(pwritev2(fd, parts, 1, -1, RWF_APPEND));
	CALL(lseek(fd, 0, SEEK_CUR));
	CALL(pwritev2(fd, parts, 1, 0, RWF_DSYNC));
	CALL(pwritev2(fd, parts, 1, 0, RWF_SYNC | RWF_DSYNC));
	CALL(pwritev2(fd, parts, 1, 0, 0x4000));
	CALL(pwritev2(fd, parts, 1, -2, 0));
	CALL(preadv2(fd, into, 2, 0, 0));
	CALL(preadv2(fd, into, 2, -1, 0));
	CALL(preadv2(fd, into, 2, 0, 0x4000));
	CALL(preadv2(fd, into, 0, 0, 0));
	CALL(preadv2(fd, into, -1, 0, 0));
	CALL(preadv2(fd, into, 2000, 0, 0));
	CALL(preadv(fd, into, 2, -1));
	CALL(pwritev(fd, parts, 2, -1));
	pipe(ends);
	CALL(preadv2(ends[0], into, 1, -1, RWF_NOWAIT));
	CALL(pwritev2(ends[1], parts, 2, -1, RWF_NOWAIT));
	CALL(preadv2(ends[0], into, 2, -1, RWF_NOWAIT));
	CALL(preadv2(ends[0], into, 1, 0, 0));
	CALL(pwritev2(ends[1], parts, 1, 0, 0));
}

static void out_of_band(void)
{
	int ends[2], listener = socket(AF_INET, SOCK_STREAM, 0), client, server, mark = 7;
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t size = sizeof name;

	bind(listener, (void *)&name, size);
	listen(listener, 1);
	getsockname(listener, (void *)&name, &size);
	client = socket(AF_INET, SOCK_STREAM, 0);
	connect(client, (void *)&name, size);
	server = accept(listener, NULL, NULL);
	CALL(send(client, "ab", 2, 0));
	CALL(send(client, "cX", 2, MSG_OOB));
	struct pollfd watched = { server, POLLPRI, 0 };
	CALL(poll(&watched, 1, 1000));
	CALL(watched.revents);
	CALL(recv(server, bytes, 10, MSG_OOB));
	CLAIM(bytes[0] == 'X');
	CALL(recv(server, bytes, 10, MSG_OOB));
	CALL(recv(server, bytes, 10, 0));
	CALL(ioctl(server, SIOCATMARK, &mark));
	CALL(mark);
	CALL(send(client, "de", 2, 0));
	CALL(recv(server, bytes, 10, 0));
	CALL(ioctl(server, SIOCATMARK, &mark));
	CALL(mark);
	CALL(send(client, "f", 1, MSG_OOB));
	CALL(send(client, "gh", 2, 0));
	CALL(poll(&watched, 1, 1000));
	CALL(recv(server, bytes, 10, 0));
	CLAIM(bytes[0] == 'g');
	CALL(recv(server, bytes, 10, MSG_OOB));
	CALL(send(client, "2", 1, MSG_OOB));
	CALL(poll(&watched, 1, 1000));
	CALL(recv(server, bytes, 10, MSG_OOB | MSG_PEEK));
	CALL(recv(server, bytes, 10, MSG_OOB));
	CLAIM(bytes[0] == '2');
	socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
	CALL(send(ends[0], "x", 1, MSG_OOB));
	CALL(recv(ends[0], bytes, 1, MSG_OOB));
}

static void timeouts(void)
{
	int ends[2], number = 3;
	struct timeval short_time = { 0, 20000 }, told;
	socklen_t size = sizeof told;

	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time));
	CALL(getsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &told, &size));
	CLAIM(told.tv_sec == 0 && told.tv_usec == 20000);
	CALL(recv(ends[0], bytes, 1, 0));
	CALL(read(ends[0], bytes, 1));
	CALL(setsockopt(ends[1], SOL_SOCKET, SO_SNDTIMEO, &short_time, sizeof short_time));
	CALL(send(ends[1], bytes, sizeof bytes, 0) > 100000);
	CALL(send(ends[1], bytes, sizeof bytes, 0));
	short_time.tv_usec = 2000000;
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time));
	short_time.tv_usec = 0, short_time.tv_sec = -1;
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time));
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, 4));
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &number, sizeof number));
	size = sizeof number;
	CALL(getsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &number, &size));
	CALL(number);
	number = -1;
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &number, sizeof number));
	CALL(getsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &number, &size));
	CALL(number);
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_SNDLOWAT, &number, sizeof number));
	CALL(getsockopt(ends[0], SOL_SOCKET, SO_SNDLOWAT, &number, &size));
	CALL(number);
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	number = 3;
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &number, sizeof number));
	CALL(send(ends[1], "ab", 2, 0));
	struct pollfd watched = { ends[0], POLLIN, 0 };
	CALL(poll(&watched, 1, 0));
	CALL(recv(ends[0], bytes, 10, MSG_DONTWAIT));
	short_time.tv_sec = 0, short_time.tv_usec = 20000;
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time));
	CALL(send(ends[1], "ab", 2, 0));
	CALL(recv(ends[0], bytes, 10, 0));
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	pipe_sizes();
	owners();
	second_flags();
	out_of_band();
	timeouts();
	return 0;
}
