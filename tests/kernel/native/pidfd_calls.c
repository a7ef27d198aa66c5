/* Descriptors of processes: made, polled, waited for, signals sent through them. */
#include "claims.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OPEN(pid, flags) syscall(SYS_pidfd_open, pid, flags)
#define SEND(fd, signal, info, flags) syscall(SYS_pidfd_send_signal, fd, signal, info, flags)
#define GET(fd, other, flags) syscall(SYS_pidfd_getfd, fd, other, flags)
#define BY_FD 3 /* P_PIDFD */
#define CLONE_BY_FD 0x1000 /* CLONE_PIDFD */

static volatile int heard;
static siginfo_t last;
static int ends[2];

static void handler(int signal, siginfo_t *info, void *context)
{
	last = *info;
	heard++;
}

/* A child that waits until the pipe's other end is closed, then ends with `status`. */
static pid_t spawn(int status)
{
	pid_t pid;
	char byte;

	fflush(stdout);
	if (pipe(ends))
		exit(1);
	pid = fork();
	if (!pid) {
		close(ends[1]);
		while (read(ends[0], &byte, 1) == -1)
			;
		_exit(status);
	}
	close(ends[0]);
	return pid;
}

static void let_it_end(pid_t pid)
{
	siginfo_t info;

	close(ends[1]);
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
}

static void opening(void)
{
	int fd, again;
	char byte;
	struct rlimit few = { 3, 1024 }, kept;

	CALL(OPEN(0, 0));
	CALL(OPEN(-1, 0));
	CALL(OPEN(getpid(), 1));
	CALL(OPEN(getpid(), O_CLOEXEC));
	CALL(OPEN(0x3fffffff, 0));
	CALL(fd = OPEN(getpid(), 0));
	CALL(fcntl(fd, F_GETFD));
	CALL(fcntl(fd, F_GETFL) & ~0100000);
	CALL(fcntl(fd, F_SETFL, O_NONBLOCK));
	CALL(fcntl(fd, F_GETFL) & ~0100000);
	CALL(read(fd, &byte, 1));
	CALL(write(fd, &byte, 1));
	CALL(fchdir(fd));
	POINTER(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	CALL(again = OPEN(getpid(), O_NONBLOCK));
	CALL(fcntl(again, F_GETFL) & ~0100000);
	CALL(close(again));
	getrlimit(RLIMIT_NOFILE, &kept);
	few.rlim_max = kept.rlim_max;
	setrlimit(RLIMIT_NOFILE, &few);
	CALL(OPEN(getpid(), 0));
	setrlimit(RLIMIT_NOFILE, &kept);
	CALL(close(fd));
}

static void sending(void)
{
	struct sigaction act = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	int fd = OPEN(getpid(), 0), directory, file = open("/dev/null", O_RDONLY);
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };

	sigaction(SIGUSR1, &act, NULL);
	CALL(SEND(fd, SIGUSR1, NULL, 0));
	CALL(heard);
	CALL(last.si_code);
	CLAIM(last.si_pid == getpid());
	info.si_value.sival_int = 77;
	CALL(SEND(fd, SIGUSR1, &info, 0));
	CALL(heard);
	CALL(last.si_code);
	CALL(last.si_value.sival_int);
	info.si_code = SI_USER;
	CALL(SEND(fd, SIGUSR1, &info, 0));
	CALL(heard);
	CALL(SEND(fd, SIGUSR2, &info, 0));
	CALL(SEND(fd, SIGUSR1, (void *)8, 0));
	CALL(SEND(fd, 0, NULL, 0));
	CALL(SEND(fd, 65, NULL, 0));
	CALL(SEND(fd, -1, NULL, 0));
	CALL(SEND(fd, 0, NULL, 1 << 20));
	CALL(SEND(-1, 0, NULL, 0));
	CALL(SEND(99, 0, NULL, 0));
	CALL(SEND(file, 0, NULL, 0));
	CALL(directory = open("/proc/self", O_RDONLY | O_DIRECTORY));
	CALL(SEND(directory, SIGUSR1, NULL, 0));
	CALL(heard);
	CALL(close(directory));
	CALL(directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
	CALL(SEND(directory, 0, NULL, 0));
	close(directory);
	CALL(directory = open("/proc", O_RDONLY | O_DIRECTORY));
	CALL(SEND(directory, 0, NULL, 0));
	close(directory);
	close(file);
	close(fd);
}

static void told(siginfo_t *info, pid_t pid)
{
	printf("signal %d code %d status %d pid %s\n", info->si_signo, info->si_code,
		info->si_status, info->si_pid == pid ? "right" : "other");
}

static void a_child(void)
{
	pid_t pid = spawn(5);
	int fd = OPEN(pid, 0), own = OPEN(getpid(), 0), null = open("/dev/null", O_RDONLY);
	int watch = epoll_create1(0);
	struct pollfd polled = { fd, POLLIN | POLLOUT };
	struct epoll_event event = { .events = EPOLLIN | EPOLLET }, seen;
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_USER };

	CALL(poll(&polled, 1, 0));
	CALL(epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event));
	CALL(epoll_wait(watch, &seen, 1, 0));
	CALL(SEND(fd, 0, NULL, 0));
	CALL(SEND(fd, SIGUSR1, &info, 0));
	info.si_code = SI_TKILL;
	CALL(SEND(fd, SIGUSR1, &info, 0));
	memset(&info, 0, sizeof info);
	CALL(waitid(BY_FD, fd, &info, WEXITED | WNOHANG));
	CALL(info.si_pid);
	CALL(waitid(BY_FD, -1, &info, WEXITED));
	CALL(waitid(BY_FD, 99, &info, WEXITED));
	CALL(waitid(BY_FD, null, &info, WEXITED));
	CALL(waitid(BY_FD, own, &info, WEXITED));
	CALL(waitid(BY_FD, fd, &info, 0));
	CALL(fcntl(fd, F_SETFL, O_NONBLOCK));
	CALL(waitid(BY_FD, fd, &info, WEXITED));
	CALL(waitid(BY_FD, fd, &info, WEXITED | WNOHANG));
	CALL(fcntl(fd, F_SETFL, 0));
	let_it_end(pid);
	CALL(poll(&polled, 1, -1));
	CALL(polled.revents);
	CALL(epoll_wait(watch, &seen, 1, -1));
	CALL(seen.events);
	CALL(epoll_wait(watch, &seen, 1, 0));
	CALL(SEND(fd, 0, NULL, 0));
	CALL(SEND(fd, SIGKILL, NULL, 0));
	CALL(waitid(BY_FD, fd, &info, WSTOPPED | WNOHANG));
	CALL(waitid(BY_FD, fd, &info, WEXITED | WNOWAIT));
	told(&info, pid);
	CALL(waitid(BY_FD, fd, &info, WEXITED));
	told(&info, pid);
	CALL(waitid(BY_FD, fd, &info, WEXITED));
	CALL(SEND(fd, 0, NULL, 0));
	CALL(OPEN(pid, 0));
	CALL(GET(fd, 0, 0));
	CALL(poll(&polled, 1, 0));
	CALL(polled.revents & POLLIN);
	close(watch);
	close(fd);
	close(own);
	close(null);
}

static void killed(void)
{
	pid_t pid = spawn(0);
	int fd = OPEN(pid, 0);
	siginfo_t info;

	CALL(SEND(fd, SIGSTOP, NULL, 0));
	CALL(waitid(BY_FD, fd, &info, WSTOPPED));
	told(&info, pid);
	CALL(SEND(fd, SIGCONT, NULL, 0));
	CALL(waitid(BY_FD, fd, &info, WCONTINUED));
	told(&info, pid);
	CALL(SEND(fd, SIGTERM, NULL, 0));
	CALL(waitid(BY_FD, fd, &info, WEXITED));
	told(&info, pid);
	close(ends[1]);
	close(fd);
}

static void a_descriptor_of_another(void)
{
	int pair[2], fd, got, null = open("/dev/null", O_RDONLY);
	pid_t pid;
	char byte = 0;

	pipe(pair);
	pid = spawn(0);
	fd = OPEN(pid, 0);
	CALL(GET(fd, pair[0], 1));
	CALL(GET(fd, 99, 0));
	CALL(GET(null, 0, 0));
	CALL(GET(-1, 0, 0));
	CALL(got = GET(fd, pair[1], 0));
	CALL(fcntl(got, F_GETFD));
	CALL(close(pair[1]));
	CALL(write(got, "x", 1));
	CALL(read(pair[0], &byte, 1));
	CALL(byte);
	CALL(got = GET(OPEN(getpid(), 0), 1, 0));
	CLAIM(got > 2);
	let_it_end(pid);
	waitpid(pid, NULL, 0);
}

struct arguments {
	unsigned long long flags, fd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

static long clone3(unsigned long long flags, int *fd, int *parent_tid)
{
	struct arguments given = { flags, (unsigned long)fd, 0, (unsigned long)parent_tid, SIGCHLD };

	fflush(stdout);
	return syscall(SYS_clone3, &given, sizeof given);
}

static void born(const char *what, long pid, int fd)
{
	const char *result = pid > 0 ? "made" : strerrorname_np(errno);
	siginfo_t info;

	if (!pid)
		_exit(9);
	printf("%s: %s, descriptor %d, FD_CLOEXEC %d\n", what, result, fd, fcntl(fd, F_GETFD));
	if (pid < 0)
		return;
	CALL(waitid(BY_FD, fd, &info, WEXITED));
	told(&info, pid);
	CALL(close(fd));
}

static void cloning(void)
{
	int fd = -1, tid = -1;
	long pid;

	fflush(stdout);
	pid = syscall(SYS_clone, CLONE_BY_FD | SIGCHLD, 0, &fd, 0, 0);
	born("clone", pid, fd);
	fd = -1;
	pid = syscall(SYS_clone, CLONE_BY_FD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0);
	born("clone, with a thread number at the same place", pid, fd);
	pid = syscall(SYS_clone, CLONE_BY_FD | 0x400000 | SIGCHLD, 0, &fd, 0, 0);
	born("clone, detached", pid, fd);
	pid = syscall(SYS_clone, CLONE_BY_FD | SIGCHLD, 0, 8, 0, 0);
	born("clone, to nowhere", pid, fd);
	pid = clone3(CLONE_BY_FD, &fd, NULL);
	born("clone3", pid, fd);
	fd = -1;
	pid = clone3(CLONE_BY_FD | CLONE_PARENT_SETTID, &fd, &tid);
	CLAIM(pid == 0 || pid == tid);
	born("clone3, with a thread number", pid, fd);
	fd = -1;
	pid = clone3(CLONE_BY_FD | CLONE_PARENT_SETTID, &fd, &fd);
	born("clone3, with a thread number at the same place", pid, fd);
	pid = clone3(CLONE_BY_FD, (int *)8, NULL);
	born("clone3, to nowhere", pid, fd);
	CALL(waitpid(-1, NULL, WNOHANG));
	CALL(dup(0)); /* whether one of them left a descriptor behind */
}

int main(void)
{
	opening();
	sending();
	a_child();
	killed();
	a_descriptor_of_another();
	cloning();
	return 0;
}
