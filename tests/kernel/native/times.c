/* Clocks, sleeping, timers and the futex: what does not depend on how fast the machine is. */
#include "claims.h"
#include <limits.h>
#include <linux/futex.h>
#include <sys/time.h>
#include <time.h>

static long long ns(int clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		return -1;
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void clocks(void)
{
	struct timespec t;
	int clock;

	for (clock = 0; clock < 14; clock++) {
		if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM)
			continue; /* they need a hardware clock */
		printf("clock %d\n", clock);
		CALL(syscall(SYS_clock_gettime, clock, &t));
		CALL(syscall(SYS_clock_getres, clock, NULL));
	}
	CALL(syscall(SYS_clock_gettime, -6, &t));
	CALL(syscall(SYS_clock_gettime, -2, &t));
	CALL(syscall(SYS_clock_gettime, -3, &t));
	CALL(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8));
	CALL(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &t));
	CLAIM(t.tv_sec == 0 && t.tv_nsec == 1);
	CALL(syscall(SYS_clock_getres, CLOCK_MONOTONIC_COARSE, &t));
	CLAIM(t.tv_sec == 0 && t.tv_nsec >= 1000000);
	CLAIM(ns(CLOCK_MONOTONIC) <= ns(CLOCK_MONOTONIC));
	CLAIM(labs(ns(CLOCK_REALTIME) / 1000000000 - time(NULL)) <= 5);
#ifdef __i386__
	long long wide[2];
	CALL(syscall(SYS_clock_gettime64, CLOCK_REALTIME, wide));
	CLAIM(llabs(wide[0] - time(NULL)) <= 5 && wide[1] >= 0 && wide[1] < 1000000000);
#endif
}

static void sleeping(void)
{
	struct timespec t = { 0, 3000000 }, bad = { 0, 1000000000 }, past = { 1, 0 };
	long long before = ns(CLOCK_MONOTONIC);

	CALL(nanosleep(&t, NULL));
	CLAIM(ns(CLOCK_MONOTONIC) - before >= 3000000);
	CALL(nanosleep(&bad, NULL));
	bad.tv_sec = -1, bad.tv_nsec = 0;
	CALL(nanosleep(&bad, NULL));
	CALL(syscall(SYS_nanosleep, 8, NULL));
	CALL(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL));
	CALL(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL));
	CALL(clock_nanosleep(CLOCK_MONOTONIC_COARSE, 0, &t, NULL));
	CALL(clock_nanosleep(77, 0, &t, NULL));
	before = ns(CLOCK_REALTIME);
	t.tv_sec = (before + 5000000) / 1000000000;
	t.tv_nsec = (before + 5000000) % 1000000000;
	CALL(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL));
	CLAIM(ns(CLOCK_REALTIME) - before >= 5000000);
}

static void timers(void)
{
	struct itimerval v = { { 0, 0 }, { 100, 5 } }, old;

	CALL(alarm(0));
	CALL(alarm(50));
	CALL(alarm(0));
	CALL(setitimer(ITIMER_REAL, &v, &old));
	CLAIM(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
	CALL(getitimer(ITIMER_REAL, &old));
	CLAIM(old.it_value.tv_sec >= 99 && old.it_interval.tv_sec == 0);
	CALL(alarm(0));
	v.it_value.tv_usec = 1000000;
	CALL(setitimer(ITIMER_REAL, &v, NULL));
	CALL(setitimer(7, &v, NULL));
	CALL(getitimer(-1, &old));
	CALL(getitimer(ITIMER_VIRTUAL, &old));
}

static long futex(int *word, int operation, int value, void *timeout, void *second, int third)
{
	return syscall(SYS_futex, word, operation, value, timeout, second, third);
}

static void futexes(void)
{
	int word = 5, other = 7;
	struct timespec t = { 0, 2000000 }, bad = { 0, -1 };

	CALL(futex(&word, FUTEX_WAIT, 6, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT_PRIVATE, 5, &t, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT_BITSET, 5, &t, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT_BITSET, 5, &t, NULL, -1));
	CALL(futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_REQUEUE, 1, (void *)1, &other, 0));
	CALL(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 6));
	CALL(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 5));
	CALL(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, FUTEX_OP(FUTEX_OP_ADD, 3, 0, 0)));
	CLAIM(other == 10);
	CALL(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, FUTEX_OP(FUTEX_OP_OR, 5, 0, 0)));
	CLAIM(other == 15);
	CALL(futex((int *)((char *)&word + 1), FUTEX_WAIT, 5, NULL, NULL, 0));
	CALL(futex((int *)8, FUTEX_WAIT, 5, NULL, NULL, 0));
	CALL(futex(&word, 77, 5, NULL, NULL, 0));
}

int main(void)
{
	struct timeval v;

	clocks();
	sleeping();
	timers();
	futexes();
	CALL(gettimeofday(&v, NULL));
	CALL(syscall(SYS_gettimeofday, 8, NULL));
	CLAIM(v.tv_usec >= 0 && v.tv_usec < 1000000);
	return 0;
}
