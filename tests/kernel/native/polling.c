/* What waits for many files: poll, select, epoll by level and by edge, and the files made for it. */
#include "claims.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

static struct epoll_event told[8];

static int add(int list, int fd, uint32_t events, uint32_t word)
{
	struct epoll_event event = { events, { .u32 = word } };

	return epoll_ctl(list, EPOLL_CTL_ADD, fd, &event);
}

static int modify(int list, int fd, uint32_t events, uint32_t word)
{
	struct epoll_event event = { events, { .u32 = word } };

	return epoll_ctl(list, EPOLL_CTL_MOD, fd, &event);
}

/* Everything that one wait without patience tells. */
static void collect(const char *when, int list, int most)
{
	int i, count = epoll_wait(list, told, most, 0);

	printf("%s: %d", when, count);
	for (i = 0; i < count; i++)
		printf(" %u=%#x", told[i].data.u32, told[i].events);
	printf("\n");
}

static void levels(void)
{
	int list = epoll_create1(0), a[2], b[2];
	char byte;

	pipe(a);
	pipe(b);
	CALL(add(list, a[0], EPOLLIN, 1));
	CALL(add(list, b[0], EPOLLIN, 2));
	CALL(add(list, b[1], EPOLLOUT, 3));
	collect("only room", list, 8);
	CALL(write(a[1], "xy", 2));
	collect("bytes in a", list, 8);
	collect("still there", list, 8);
	collect("one at a time", list, 1);
	collect("the other one", list, 1);
	CALL(read(a[0], &byte, 1));
	collect("one byte left", list, 8);
	CALL(read(a[0], &byte, 1));
	collect("none left", list, 8);
	CALL(modify(list, a[0], EPOLLOUT, 7));
	CALL(write(a[1], "z", 1));
	collect("wanted otherwise", list, 8);
	CALL(modify(list, a[0], EPOLLIN, 8));
	collect("wanted again", list, 8);
	CALL(close(a[1]));
	collect("hung up", list, 8);
	CALL(close(a[0]));
	collect("closed", list, 8);
	CALL(epoll_ctl(list, EPOLL_CTL_DEL, b[1], NULL));
	collect("deleted", list, 8);
	CALL(close(b[0]));
	CALL(close(b[1]));
	CALL(close(list));
}

static void edges(void)
{
	int list = epoll_create1(EPOLL_CLOEXEC), ends[2];
	char bytes[4];

	CALL(fcntl(list, F_GETFD));
	pipe2(ends, O_NONBLOCK);
	CALL(add(list, ends[0], EPOLLIN | EPOLLET, 1));
	collect("nothing yet", list, 8);
	CALL(write(ends[1], "a", 1));
	collect("an edge", list, 8);
	collect("the same edge", list, 8);
	CALL(write(ends[1], "b", 1));
	collect("another edge", list, 8);
	CALL(read(ends[0], bytes, 1));
	collect("read one", list, 8);
	CALL(modify(list, ends[0], EPOLLIN | EPOLLET, 2));
	collect("modified", list, 8);
	collect("modified once", list, 8);
	CALL(modify(list, ends[0], EPOLLIN | EPOLLONESHOT, 3));
	collect("one shot", list, 8);
	collect("it was shot", list, 8);
	CALL(write(ends[1], "c", 1));
	collect("also with news", list, 8);
	CALL(modify(list, ends[0], EPOLLIN | EPOLLONESHOT, 4));
	collect("loaded again", list, 8);
	CALL(epoll_ctl(list, EPOLL_CTL_DEL, ends[0], NULL));
	CALL(add(list, ends[0], EPOLLIN | EPOLLET, 5));
	collect("added with bytes in it", list, 8);
	CALL(close(ends[1]));
	collect("the writer closed", list, 8);
	collect("which is told once", list, 8);
	CALL(read(ends[0], bytes, 4));
	CALL(read(ends[0], bytes, 4));
	close(ends[0]);
	pipe2(ends, O_NONBLOCK);
	CALL(add(list, ends[1], EPOLLOUT | EPOLLET, 6));
	collect("room", list, 8);
	while (write(ends[1], "0123456789abcdef", 16) == 16)
		;
	collect("full", list, 8);
	CALL(read(ends[0], bytes, 1));
	close(ends[0]);
	collect("the reader closed", list, 8);
	close(ends[1]);
	close(list);
}

static void copies(void)
{
	int list = epoll_create1(0), ends[2], copy, status;
	pid_t child;

	pipe(ends);
	copy = dup(ends[0]);
	CALL(add(list, ends[0], EPOLLIN, 1));
	CALL(add(list, copy, EPOLLIN, 2));
	CALL(write(ends[1], "x", 1));
	collect("two numbers of one file", list, 8);
	CALL(close(ends[0]));
	collect("the item outlives its number", list, 8);
	CALL(epoll_ctl(list, EPOLL_CTL_DEL, ends[0], NULL));
	CALL(close(copy));
	collect("but not the file", list, 8);
	close(ends[1]);
	pipe(ends);
	CALL(add(list, ends[0], EPOLLIN, 3));
	child = fork();
	if (!child) {
		write(ends[1], "y", 1);
		_exit(add(list, ends[1], EPOLLOUT, 4) == 0 ? 5 : 6);
	}
	CLAIM(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
	collect("a list shared with a child", list, 8);
	CALL(epoll_wait(list, told, 8, -1));
	close(ends[0]);
	close(ends[1]);
	close(list);
}

static void nests(void)
{
	int lists[7], i, ends[2];

	for (i = 0; i < 7; i++)
		lists[i] = epoll_create1(0);
	pipe(ends);
	CALL(add(lists[0], ends[0], EPOLLIN, 10));
	CALL(add(lists[1], lists[0], EPOLLIN, 11));
	collect("nothing inside", lists[1], 8);
	CALL(write(ends[1], "x", 1));
	collect("an event inside", lists[1], 8);
	CALL(add(lists[0], lists[1], EPOLLIN, 12));
	CALL(add(lists[0], lists[0], EPOLLIN, 12));
	CALL(add(lists[2], lists[1], EPOLLIN, 13));
	CALL(add(lists[3], lists[2], EPOLLIN, 14));
	CALL(add(lists[4], lists[3], EPOLLIN, 15));
	CALL(add(lists[5], lists[4], EPOLLIN, 16));
	collect("an event deep inside", lists[4], 8);
	struct pollfd one = { lists[4], POLLIN | POLLOUT };
	CALL(poll(&one, 1, 0));
	CALL(one.revents);
	CALL(read(lists[0], told, 8));
	CALL(write(lists[0], told, 8));
	for (i = 0; i < 7; i++)
		close(lists[i]);
	close(ends[0]);
	close(ends[1]);
}

static void refusals(void)
{
	int list = epoll_create1(0), other = epoll_create(1), ends[2], file = open("/proc/self/exe", O_RDONLY);
	struct epoll_event event = { EPOLLIN };

	pipe(ends);
	CALL(epoll_create(0));
	CALL(epoll_create(-1));
	CALL(epoll_create1(1));
	CALL(add(list, file, EPOLLIN, 0));
	CALL(add(list, open("/", O_RDONLY | O_DIRECTORY), EPOLLIN, 0));
	CALL(add(list, open("/dev/null", O_RDWR), EPOLLIN, 0));
	CALL(add(list, 999, EPOLLIN, 0));
	CALL(add(999, ends[0], EPOLLIN, 0));
	CALL(add(ends[0], ends[1], EPOLLIN, 0));
	CALL(add(list, list, EPOLLIN, 0));
	CALL(modify(list, ends[0], EPOLLIN, 0));
	CALL(epoll_ctl(list, EPOLL_CTL_DEL, ends[0], &event));
	CALL(epoll_ctl(list, 7, ends[0], &event));
	CALL(epoll_ctl(list, EPOLL_CTL_ADD, ends[0], (void *)8));
	CALL(add(list, ends[0], EPOLLIN, 0));
	CALL(add(list, ends[0], EPOLLIN, 0));
	CALL(add(list, ends[1], EPOLLOUT | EPOLLEXCLUSIVE, 0));
	CALL(modify(list, ends[1], EPOLLOUT, 0));
	CALL(modify(list, ends[0], EPOLLIN | EPOLLEXCLUSIVE, 0));
	CALL(add(list, other, EPOLLIN | EPOLLEXCLUSIVE, 0));
	CALL(add(other, ends[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 0));
	CALL(epoll_wait(list, told, 0, 0));
	CALL(epoll_wait(list, told, -1, 0));
	CALL(epoll_wait(ends[0], told, 1, 0));
	CALL(epoll_wait(999, told, 1, 0));
	CALL(syscall(SYS_epoll_wait, list, 8, 1, 0));
	CALL(syscall(SYS_epoll_pwait, list, told, 1, 0, &event, 4));
	close(list);
	close(other);
	close(ends[0]);
	close(ends[1]);
	close(file);
}

static void counters(void)
{
	int fd = eventfd(3, EFD_NONBLOCK), steps = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	struct pollfd one = { fd, POLLIN | POLLOUT };
	uint64_t value = 0;

	CALL(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CALL(fcntl(steps, F_GETFD));
	CALL(read(fd, &value, 8));
	CALL(value);
	CALL(read(fd, &value, 8));
	CALL(read(fd, &value, 7));
	CALL(poll(&one, 1, 0));
	CALL(one.revents);
	value = UINT64_MAX - 1;
	CALL(write(fd, &value, 8));
	CALL(poll(&one, 1, 0));
	CALL(one.revents);
	value = 1;
	CALL(write(fd, &value, 8));
	value = UINT64_MAX;
	CALL(write(fd, &value, 8));
	CALL(write(fd, &value, 4));
	CALL(read(fd, &value, 16));
	CLAIM(value == UINT64_MAX - 1);
	CALL(read(steps, &value, 8));
	CALL(value);
	CALL(read(steps, &value, 8));
	CALL(read(steps, &value, 8));
	CALL(lseek(fd, 0, SEEK_SET));
	CALL(pread(fd, &value, 8, 0));
	CALL(eventfd(0, 0x10));
	CALL(ftruncate(fd, 0));
	close(fd);
	close(steps);
}

static void timers(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int wall = timerfd_create(CLOCK_REALTIME, 0), list = epoll_create1(0);
	struct itimerspec soon = { { 0, 0 }, { 0, 2000000 } }, often = { { 0, 1000000 }, { 0, 1 } };
	struct itimerspec none = { 0 }, bad = { { 0, 0 }, { 0, 1000000000 } }, past = { { 0, 0 }, { 0, 1 } };
	struct itimerspec left, far = { { 7, 0 }, { 1000, 0 } };
	struct pollfd one = { fd, POLLIN | POLLOUT };
	uint64_t count = 0;

	CALL(timerfd_create(77, 0));
	CALL(timerfd_create(CLOCK_MONOTONIC, 1));
	CALL(fcntl(fd, F_GETFD));
	CALL(read(fd, &count, 8));
	CALL(read(fd, &count, 4));
	CALL(write(fd, &count, 8));
	CALL(poll(&one, 1, 0));
	CALL(timerfd_settime(fd, 0, &soon, NULL));
	CALL(poll(&one, 1, 1000));
	CALL(one.revents);
	CALL(read(fd, &count, 8));
	CALL(count);
	CALL(read(fd, &count, 8));
	CALL(timerfd_gettime(fd, &left));
	CLAIM(!left.it_value.tv_sec && !left.it_value.tv_nsec);
	CALL(add(list, fd, EPOLLIN | EPOLLET, 1));
	CALL(timerfd_settime(fd, 0, &often, NULL));
	CALL(epoll_wait(list, told, 8, -1));
	CALL(epoll_wait(list, told, 8, 5));
	CALL(read(fd, &count, 8));
	CLAIM(count >= 2);
	CALL(epoll_wait(list, told, 8, -1));
	CALL(timerfd_settime(fd, 0, &far, &left));
	CLAIM(left.it_interval.tv_nsec == 1000000 && !left.it_value.tv_sec && left.it_value.tv_nsec);
	CALL(timerfd_gettime(fd, &left));
	CLAIM(left.it_interval.tv_sec == 7 && left.it_value.tv_sec >= 999);
	CALL(poll(&one, 1, 2));
	CALL(timerfd_settime(fd, 0, &none, NULL));
	CALL(timerfd_settime(fd, 0, &bad, NULL));
	CALL(timerfd_settime(fd, 8, &soon, NULL));
	CALL(syscall(SYS_timerfd_settime, fd, 0, 8, NULL));
	CALL(timerfd_settime(fd, TFD_TIMER_ABSTIME, &past, NULL));
	CALL(read(fd, &count, 8));
	CALL(count);
	CALL(timerfd_settime(wall, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &past, NULL));
	CALL(read(wall, &count, 8));
	CALL(timerfd_settime(wall, 0, &soon, NULL));
	CALL(read(wall, &count, 8));
	CALL(timerfd_settime(list, 0, &soon, NULL));
	CALL(timerfd_gettime(999, &left));
	close(fd);
	close(wall);
	close(list);
}

static void signals(void)
{
	sigset_t some, other;
	struct signalfd_siginfo got[3];
	int fd, list = epoll_create1(0);

	sigemptyset(&some);
	sigaddset(&some, SIGUSR1);
	sigaddset(&some, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &some, NULL);
	fd = signalfd(-1, &some, SFD_NONBLOCK | SFD_CLOEXEC);
	CALL(fcntl(fd, F_GETFD));
	CALL(add(list, fd, EPOLLIN, 1));
	collect("no signal", list, 8);
	CALL(read(fd, got, sizeof got));
	CALL(raise(SIGUSR1));
	collect("a signal", list, 8);
	CALL(read(fd, got, 100));
	CALL(read(fd, got, sizeof got));
	CLAIM(got[0].ssi_signo == SIGUSR1 && got[0].ssi_pid == getpid() && got[0].ssi_uid == getuid());
	union sigval value = { .sival_int = 77 };
	CALL(sigqueue(getpid(), SIGRTMIN, value));
	value.sival_int = -78;
	CALL(sigqueue(getpid(), SIGRTMIN, value));
	CALL(kill(getpid(), SIGUSR1));
	CALL(read(fd, got, sizeof got));
	CLAIM(got[0].ssi_signo == SIGUSR1 && got[0].ssi_code == SI_USER);
	CLAIM(got[1].ssi_int == 77 && got[1].ssi_code == SI_QUEUE && got[2].ssi_int == -78);
	CALL(read(fd, got, sizeof got));
	sigemptyset(&other);
	sigaddset(&other, SIGRTMIN);
	CALL(signalfd(fd, &other, 0) == fd);
	CALL(raise(SIGUSR1));
	CALL(read(fd, got, sizeof got));
	CALL(signalfd(fd, &some, 0) == fd);
	CALL(read(fd, got, sizeof got));
	CALL(signalfd(list, &some, 0));
	CALL(signalfd(-1, &some, 1));
	CALL(syscall(SYS_signalfd4, -1, &some, 4, 0));
	CALL(syscall(SYS_signalfd4, -1, 8, 8, 0));
	CALL(signalfd(999, &some, 0));
	close(fd);
	close(list);
}

static void selecting(void)
{
	int ends[2];
	fd_set reads, writes, excepts;
	struct timeval soon = { 0, 2000 };
	struct timespec brief = { 0, 1000000 }, bad = { 0, -1 };
	sigset_t none;

	sigemptyset(&none);
	pipe(ends);
	FD_ZERO(&reads);
	FD_ZERO(&writes);
	FD_ZERO(&excepts);
	FD_SET(ends[0], &reads);
	FD_SET(ends[0], &excepts);
	CALL(select(ends[1] + 1, &reads, NULL, &excepts, &soon));
	CLAIM(soon.tv_sec == 0 && soon.tv_usec == 0);
	CLAIM(!FD_ISSET(ends[0], &reads) && !FD_ISSET(ends[0], &excepts));
	FD_SET(ends[0], &reads);
	FD_SET(ends[1], &writes);
	CALL(select(ends[1] + 1, &reads, &writes, NULL, NULL));
	CLAIM(!FD_ISSET(ends[0], &reads) && FD_ISSET(ends[1], &writes));
	CALL(write(ends[1], "x", 1));
	FD_SET(ends[0], &reads);
	CALL(pselect(ends[1] + 1, &reads, &writes, NULL, &brief, &none));
	FD_SET(40, &reads);
	CALL(select(41, &reads, NULL, NULL, NULL));
	CALL(select(-1, NULL, NULL, NULL, NULL));
	CALL(pselect(0, NULL, NULL, NULL, &bad, NULL));
	CALL(pselect(0, NULL, NULL, NULL, &brief, NULL));
	struct pollfd three[3] = { { ends[0], POLLIN | POLLRDNORM }, { -5, POLLIN }, { 500, POLLIN } };
	CALL(poll(three, 3, -1));
	CALL(three[0].revents);
	CALL(three[1].revents);
	CALL(three[2].revents);
	CALL(ppoll(three, 2, &brief, &none));
	CALL(ppoll(three, 1, &bad, NULL));
	CALL(poll((void *)8, 1, 0));
	CALL(poll(NULL, 0, 1));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	levels();
	edges();
	copies();
	nests();
	refusals();
	counters();
	timers();
	signals();
	selecting();
	return 0;
}
