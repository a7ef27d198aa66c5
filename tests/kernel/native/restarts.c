/* A handler runs while a call waits: the call fails with EINTR, or is made again. */
#include "claims.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

static volatile int count;
static int ends[2], fullpipe[2], pair[2], word = 1;
static pid_t child, writer;
static char buffer[65536 + 8192], fifo[] = "/tmp/fifo-XXXXXX";

static void ring(long microseconds)
{
	struct itimerval t = { { 0, 0 }, { 0, microseconds } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* The first time it only interrupts; the second time it ends what is waited for. */
static void handler(int signal)
{
	if (++count == 1) {
		ring(20000);
		return;
	}
	write(ends[1], "x", 1);
	write(pair[1], "x", 1);
	read(fullpipe[0], buffer, 65536);
	kill(child, SIGKILL);
	word = 2;
	syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
	writer = fork();
	if (!writer) /* the parent is not in its call now: nobody reads the fifo yet */
		_exit(open(fifo, O_WRONLY));
}

static void install(int flags)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = flags };

	sigaction(SIGALRM, &a, NULL);
}

static void set_up(void)
{
	count = 0;
	word = 1;
	pipe(ends);
	pipe(fullpipe);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	fcntl(fullpipe[1], F_SETFL, O_NONBLOCK);
	while (write(fullpipe[1], buffer, 4096) > 0)
		;
	fcntl(fullpipe[1], F_SETFL, 0);
	child = fork();
	if (!child) {
		for (;;)
			pause();
	}
	ring(20000);
}

static void tear_down(void)
{
	ring(0);
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(fullpipe[i]);
		close(pair[i]);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (writer) {
		kill(writer, SIGKILL);
		waitpid(writer, NULL, 0);
		writer = 0;
	}
}

/* One call, twice: with a handler that lets it be made again, and with one that does not. */
#define INTERRUPT(expression) do { \
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) { \
		install(flags); \
		set_up(); \
		printf(flags ? "SA_RESTART: " : "            "); \
		CALL(expression); \
		printf("handlers: %d\n", count); \
		tear_down(); \
	} } while (0)

static struct timespec second = { 1, 0 }, left;
static struct timeval second_too = { 1, 0 };
static sigset_t none, usr1;

static long poll_in(int timeout)
{
	struct pollfd p = { ends[0], POLLIN };

	return poll(&p, 1, timeout);
}

static long ppoll_in(struct timespec *timeout)
{
	struct pollfd p = { ends[0], POLLIN };

	return ppoll(&p, 1, timeout, &none);
}

static long select_in(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	return select(ends[0] + 1, &set, NULL, NULL, NULL);
}

static long pselect_in(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	return pselect(ends[0] + 1, &set, NULL, NULL, NULL, &none);
}

static long absolute(void)
{
	struct timespec until;
	int error;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 50000000;
	if (until.tv_nsec >= 1000000000)
		until.tv_sec++, until.tv_nsec -= 1000000000;
	error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	errno = error;
	return error ? -1 : 0;
}

static long relative(void)
{
	int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &second, &left);

	errno = error;
	return error ? -1 : 0;
}

static long vector(int writes)
{
	struct iovec v[2] = { { buffer, 4096 }, { buffer, 4096 } };

	return writes ? writev(fullpipe[1], v, 2) : readv(ends[0], v, 2);
}

static long wait_id(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED);
}

int main(void)
{
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	mkdtemp(fifo);
	rmdir(fifo);
	mkfifo(fifo, 0600);
	INTERRUPT(read(ends[0], buffer, 10));
	INTERRUPT(vector(0));
	INTERRUPT(write(fullpipe[1], buffer, 4096));
	INTERRUPT(write(fullpipe[1], buffer, 8192));
	INTERRUPT(vector(1));
	INTERRUPT(read(pair[0], buffer, 10));
	INTERRUPT(wait4(child, NULL, 0, NULL) == child);
	INTERRUPT(wait_id());
	INTERRUPT(nanosleep(&second, &left));
	CLAIM(left.tv_sec == 0 && left.tv_nsec > 900000000);
	INTERRUPT(relative());
	CLAIM(left.tv_sec == 0 && left.tv_nsec > 900000000);
	INTERRUPT(absolute());
	INTERRUPT(poll_in(-1));
	INTERRUPT(poll_in(1000));
	INTERRUPT(ppoll_in(NULL));
	INTERRUPT(ppoll_in(&second));
	INTERRUPT(select_in());
	INTERRUPT(pselect_in());
	INTERRUPT(pause());
	INTERRUPT(sigsuspend(&none));
	INTERRUPT(sigwaitinfo(&usr1, NULL));
	INTERRUPT(sigtimedwait(&usr1, NULL, &second));
	INTERRUPT(syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0));
	INTERRUPT(syscall(SYS_futex, &word, FUTEX_WAIT, 1, &second, NULL, 0));
	INTERRUPT(close(open(fifo, O_RDONLY)));
	unlink(fifo);
	return 0;
}
