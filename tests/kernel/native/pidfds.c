/* Descriptors of processes: what they tell, whom they wait for, what may be sent and taken by them. */
#include "claims.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#define PIDFD_NONBLOCK O_NONBLOCK
#define THREAD 1
#define THREAD_GROUP 2
#define PROCESS_GROUP 4

static int go[2];
static volatile int heard, value;

static void handler(int signal, siginfo_t *info, void *context)
{
	heard++;
	value = info->si_value.sival_int;
}

static int pidfd_of(pid_t pid, unsigned flags)
{
	return syscall(SYS_pidfd_open, pid, flags);
}

static long send(int fd, int signal, void *info, unsigned flags)
{
	return syscall(SYS_pidfd_send_signal, fd, signal, info, flags);
}

static long take(int fd, int number, unsigned flags)
{
	return syscall(SYS_pidfd_getfd, fd, number, flags);
}

/* A child that ends with `status` once the pipe is closed. */
static pid_t waiting(int status)
{
	pid_t pid;
	char byte;

	pipe(go);
	if (!(pid = fork())) {
		close(go[1]);
		read(go[0], &byte, 1);
		_exit(status);
	}
	close(go[0]);
	return pid;
}

static void events(int fd, int wanted)
{
	struct pollfd p = { fd, wanted, 0 };
	int found = poll(&p, 1, 0);

	printf("events %d: %#x\n", found, p.revents);
}

static void opening(void)
{
	pid_t pid = waiting(3);
	int fd, fds[2];
	struct stat s;
	char byte, path[40];

	CALL(pidfd_of(0, 0));
	CALL(pidfd_of(-1, 0));
	CALL(pidfd_of(4000000, 0));
	CALL(pidfd_of(pid, 1));
	CALL(pidfd_of(pid, O_CLOEXEC));
	CLAIM((fd = pidfd_of(pid, 0)) >= 0);
	CALL(fcntl(fd, F_GETFD));
	CALL(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND));
	CALL(read(fd, &byte, 1));
	CALL(write(fd, &byte, 1));
	CALL(pread(fd, &byte, 1, 0));
	CALL(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	CALL(fstat(fd, &s));
	events(fd, POLLIN | POLLOUT);
	CALL(send(fd, 0, NULL, 0));
	close(go[1]);
	struct pollfd p = { fd, POLLIN, 0 };
	CALL(poll(&p, 1, -1));
	CALL(p.revents);
	events(fd, POLLIN | POLLOUT | POLLRDNORM);
	CALL(send(fd, 0, NULL, 0));
	CALL(send(fd, SIGKILL, NULL, 0));
	CLAIM((fds[0] = pidfd_of(pid, 0)) >= 0); /* of one that nobody waited for */
	events(fds[0], POLLIN);
	CALL(close(fds[0]));
	CLAIM(waitpid(pid, NULL, 0) == pid);
	events(fd, POLLIN | POLLOUT);
	CALL(send(fd, 0, NULL, 0));
	CALL(take(fd, 0, 0));
	CALL(pidfd_of(pid, 0));
	CALL(close(fd));
	CALL(send(fd, 0, NULL, 0));
	CALL(send(0, 0, NULL, 0));
}

static void waits(void)
{
	pid_t pid = waiting(5);
	int fd = pidfd_of(pid, 0), other;
	siginfo_t info = { 0 };

	CALL(waitid(P_PIDFD, -1, &info, WEXITED));
	CALL(waitid(P_PIDFD, 99, &info, WEXITED));
	CALL(waitid(P_PIDFD, 0, &info, WEXITED));
	CALL(waitid(P_PIDFD, fd, &info, 0));
	CALL(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG));
	CALL(info.si_pid);
	CLAIM((other = pidfd_of(getpid(), 0)) >= 0);
	CALL(waitid(P_PIDFD, other, &info, WEXITED));
	close(other);
	CLAIM((other = pidfd_of(pid, PIDFD_NONBLOCK)) >= 0);
	CALL(fcntl(other, F_GETFL) & O_NONBLOCK);
	CALL(waitid(P_PIDFD, other, &info, WEXITED));
	CALL(waitid(P_PIDFD, other, &info, WEXITED | WNOHANG));
	CALL(send(fd, SIGSTOP, NULL, 0));
	CALL(waitid(P_PIDFD, fd, &info, WSTOPPED));
	CLAIM(info.si_pid == pid && info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
	events(fd, POLLIN);
	CALL(send(fd, SIGCONT, NULL, 0));
	CALL(waitid(P_PIDFD, fd, &info, WCONTINUED));
	CLAIM(info.si_code == CLD_CONTINUED);
	close(go[1]);
	CALL(waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT));
	CLAIM(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 5);
	CALL(waitid(P_PIDFD, other, &info, WEXITED));
	CALL(waitid(P_PIDFD, fd, &info, WEXITED));
	close(fd);
	close(other);
}

static void signals(void)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	int fd = pidfd_of(getpid(), 0), childs;
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	pid_t pid;

	sigaction(SIGUSR1, &a, NULL);
	CALL(send(fd, SIGUSR1, NULL, 0));
	CALL(heard);
	info.si_value.sival_int = 77;
	CALL(send(fd, SIGUSR1, &info, 0));
	CALL(value);
	CALL(send(fd, SIGUSR2, &info, 0));
	info.si_code = SI_USER;
	CALL(send(fd, SIGUSR1, &info, 0)); /* to itself it may say anything */
	CALL(send(fd, SIGUSR1, (void *)8, 0));
	CALL(send(fd, SIGUSR1, NULL, 8));
	CALL(send(fd, SIGUSR1, NULL, THREAD | THREAD_GROUP));
	heard = 0;
	CALL(send(fd, SIGUSR1, NULL, THREAD));
	CALL(send(fd, SIGUSR1, NULL, THREAD_GROUP));
	CALL(heard);
	CALL(send(fd, 65, NULL, 0));
	CALL(send(fd, -1, NULL, 0));
	pid = waiting(0);
	childs = pidfd_of(pid, 0);
	CALL(send(childs, SIGUSR1, &info, 0));
	info.si_code = SI_TKILL;
	CALL(send(childs, SIGUSR1, &info, 0));
	setpgid(pid, pid);
	CALL(send(childs, SIGTERM, NULL, PROCESS_GROUP));
	CALL(waitid(P_PIDFD, childs, &info, WEXITED));
	CLAIM(info.si_code == CLD_KILLED && info.si_status == SIGTERM);
	close(go[1]);
	close(childs);
	close(fd);
	pid = waiting(0);
	char path[40];
	sprintf(path, "/proc/%d", pid);
	fd = open(path, O_DIRECTORY | O_RDONLY);
	CALL(send(fd, SIGTERM, NULL, 0)); /* a directory of /proc will do */
	CALL(take(fd, 0, 0));
	CALL(waitid(P_PIDFD, fd, &info, WEXITED));
	CLAIM(waitpid(pid, NULL, 0) == pid);
	close(go[1]);
	close(fd);
}

static void taken(void)
{
	pid_t pid;
	int fd, mine, pair[2];
	char text[8] = "";

	pipe(pair);
	pipe(go);
	fflush(stdout);
	if (!(pid = fork())) {
		dup2(pair[1], 50);
		close(pair[1]);
		write(50, "x", 1);
		close(go[1]);
		read(go[0], text, 1);
		_exit(0);
	}
	close(pair[1]);
	read(pair[0], text, 1);
	fd = pidfd_of(pid, 0);
	CALL(take(fd, 50, 1));
	CALL(take(fd, 51, 0));
	CALL(take(fd, -1, 0));
	CALL(take(99, 0, 0));
	CALL(take(0, 0, 0));
	CLAIM((mine = take(fd, 50, 0)) >= 0);
	CALL(fcntl(mine, F_GETFD));
	CALL(write(mine, "taken", 5));
	CALL(read(pair[0], text, 5));
	printf("%s\n", text);
	close(go[1]);
	CALL(waitpid(pid, NULL, 0) == pid);
	close(mine);
	CALL(read(pair[0], text, 5));
	close(fd);
	close(pair[0]);
	close(go[0]);
	fd = pidfd_of(getpid(), 0);
	CLAIM((mine = take(fd, fd, 0)) >= 0);
	CALL(send(mine, 0, NULL, 0));
	close(mine);
	close(fd);
}

static pthread_barrier_t both;

static void *lives(void *fd)
{
	*(int *)fd = syscall(SYS_gettid);
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&both);
	return NULL;
}

static void threads(void)
{
	pthread_t thread;
	int tid, fd, watch = epoll_create1(0), own = pidfd_of(getpid(), PIDFD_THREAD);
	struct epoll_event event = { EPOLLIN | EPOLLET, { .u32 = 7 } };

	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&thread, NULL, lives, &tid);
	pthread_barrier_wait(&both);
	CALL(pidfd_of(tid, 0));
	CLAIM((fd = pidfd_of(tid, PIDFD_THREAD)) >= 0);
	CALL(fcntl(fd, F_GETFL) & PIDFD_THREAD);
	CALL(epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event));
	CALL(epoll_wait(watch, &event, 1, 0));
	CALL(send(fd, 0, NULL, 0));
	CALL(send(fd, 0, NULL, THREAD_GROUP));
	pthread_barrier_wait(&both);
	CALL(epoll_wait(watch, &event, 1, -1));
	CALL(event.data.u32);
	pthread_join(thread, NULL);
	while (!send(fd, 0, NULL, 0))
		sched_yield();
	CALL(send(fd, 0, NULL, 0));
	CALL(pidfd_of(tid, PIDFD_THREAD));
	events(own, POLLIN);
	CALL(send(own, 0, NULL, 0));
	close(fd);
	close(watch);
	close(own);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	opening();
	waits();
	signals();
	taken();
	threads();
	return 0;
}
