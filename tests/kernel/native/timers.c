/* Timers that send signals: alarm, setitimer of three kinds, and those of timer_create. */
#include "claims.h"
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static volatile int rings[65];
static siginfo_t last;

static void handler(int signal, siginfo_t *info, void *context)
{
	rings[signal]++;
	last = *info;
}

static void install(int signal)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	sigaction(signal, &a, NULL);
	rings[signal] = 0;
}

static void wait_for(int signal, int times)
{
	while (rings[signal] < times)
		usleep(500);
}

static void spin_for(int signal, int times)
{
	while (rings[signal] < times)
		;
}

static long set(int which, long interval, long value)
{
	struct itimerval t = { { 0, interval }, { 0, value } };

	return setitimer(which, &t, NULL);
}

static void intervals(void)
{
	int signals[] = { SIGALRM, SIGVTALRM, SIGPROF };
	struct itimerval t, bad = { { 0, 0 }, { 0, 1000000 } };

	for (int which = 0; which < 3; which++) {
		install(signals[which]);
		CALL(set(which, 0, which ? 3000 : 50000));
		getitimer(which, &t);
		CLAIM(t.it_interval.tv_usec == 0 && t.it_value.tv_usec > 0);
		CLAIM(t.it_value.tv_usec <= 54000);
		which ? spin_for(signals[which], 1) : wait_for(SIGALRM, 1);
		printf("%d %d %d\n", last.si_signo, last.si_code, rings[signals[which]]);
		getitimer(which, &t);
		CLAIM(t.it_interval.tv_usec == 0 && t.it_value.tv_usec == 0);
		CALL(set(which, 1000, 1000));
		which ? spin_for(signals[which], 4) : wait_for(SIGALRM, 4);
		getitimer(which, &t);
		CLAIM(t.it_interval.tv_usec >= 1000 && t.it_interval.tv_usec <= 4000);
		CALL(set(which, 0, 0));
		rings[signals[which]] = 0;
	}
	CALL(setitimer(3, &bad, NULL));
	CALL(setitimer(ITIMER_REAL, &bad, NULL));
	CALL(getitimer(-1, &t));
	CALL(syscall(SYS_setitimer, ITIMER_REAL, 8, NULL));
	/* Time that is slept is no time of the processor. */
	set(ITIMER_VIRTUAL, 0, 500000);
	usleep(10000);
	getitimer(ITIMER_VIRTUAL, &t);
	CLAIM(t.it_value.tv_usec > 300000);
	CLAIM(rings[SIGVTALRM] == 0);
	/* A child has none. */
	if (!fork()) {
		getitimer(ITIMER_VIRTUAL, &t);
		_exit(t.it_value.tv_usec != 0);
	}
	int status;
	wait(&status);
	CALL(status);
	set(ITIMER_VIRTUAL, 0, 0);
	CALL(alarm(100));
	CALL(alarm(0));
	CALL(alarm(0));
	CALL(alarm(1));
	wait_for(SIGALRM, 1);
	CALL(alarm(0));
	CALL(alarm(-1));
	CLAIM(alarm(0) > 2000000000);
}

static long create(int clock, int notify, int signal, void *id)
{
	struct sigevent e = { .sigev_notify = notify, .sigev_signo = signal };

	e.sigev_value.sival_int = 77;
	e._sigev_un._tid = getpid();
	return syscall(SYS_timer_create, clock, &e, id);
}

static void posix(void)
{
	int id, other;
	struct itimerspec t = { { 0, 0 }, { 0, 50000000 } }, now, bad = { { 0, 0 }, { 0, 1000000000 } };
	struct itimerspec many = { { 0, 1000000 }, { 0, 1000000 } }, none = { { 0, 0 }, { 0, 0 } };
	int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI, 10, 12, 99, -1 };

	for (int i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		printf("clock %d: ", clocks[i]);
		CALL(create(clocks[i], SIGEV_SIGNAL, SIGRTMIN, &id));
	}
	for (int i = 0; i < 20; i++)
		syscall(SYS_timer_delete, i);
	CALL(syscall(SYS_timer_delete, 0));
	CALL(create(CLOCK_MONOTONIC, 99, SIGRTMIN, &id));
	CALL(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0, &id));
	CALL(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 65, &id));
	CALL(create(CLOCK_MONOTONIC, SIGEV_NONE, 65, &id));
	CALL(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, (void *)8));
	CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &id));
	CALL(syscall(SYS_timer_gettime, 1000, &now));
	CALL(syscall(SYS_timer_settime, 1000, 0, &t, NULL));
	CALL(syscall(SYS_timer_getoverrun, 1000));
	CALL(syscall(SYS_timer_delete, 1000));

	install(SIGRTMIN);
	install(SIGALRM);
	for (int i = 0; i < 4; i++) {
		int cpu = i == 2 || i == 3;
		t.it_value.tv_nsec = cpu ? 3000000 : 50000000;
		CALL(create(clocks[i], SIGEV_SIGNAL, SIGRTMIN, &id));
		CALL(syscall(SYS_timer_gettime, id, &now));
		CLAIM(now.it_value.tv_nsec == 0 && now.it_interval.tv_nsec == 0);
		CALL(syscall(SYS_timer_settime, id, 0, &bad, NULL));
		CALL(syscall(SYS_timer_settime, id, 0, NULL, NULL));
		CALL(syscall(SYS_timer_settime, id, 0, &t, &now));
		CALL(syscall(SYS_timer_gettime, id, &now));
		CLAIM(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 50000000);
		cpu ? spin_for(SIGRTMIN, 1) : wait_for(SIGRTMIN, 1);
		CLAIM(last.si_timerid == id);
		printf("%d %d %d\n", last.si_code, last.si_value.sival_int, last.si_overrun);
		CALL(syscall(SYS_timer_gettime, id, &now));
		CLAIM(now.it_value.tv_nsec == 0);
		CALL(syscall(SYS_timer_settime, id, 0, &many, NULL));
		cpu ? spin_for(SIGRTMIN, 5) : wait_for(SIGRTMIN, 5);
		CALL(syscall(SYS_timer_gettime, id, &now));
		CLAIM(now.it_value.tv_nsec > 0 && now.it_interval.tv_nsec == 1000000);
		CALL(syscall(SYS_timer_settime, id, 0, &none, &now));
		CLAIM(now.it_interval.tv_nsec == 1000000);
		CALL(syscall(SYS_timer_delete, id));
		rings[SIGRTMIN] = 0;
	}
	/* What expires while its signal is blocked is counted. */
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, &id);
	syscall(SYS_timer_settime, id, 0, &many, NULL);
	struct timespec ten = { 0, 10500000 }, zero = { 0, 0 };
	nanosleep(&ten, NULL);
	siginfo_t info;
	CALL(sigtimedwait(&mask, &info, &zero) == SIGRTMIN);
	CLAIM(info.si_overrun >= 8 && info.si_overrun < 1000);
	CLAIM(syscall(SYS_timer_getoverrun, id) == info.si_overrun);
	syscall(SYS_timer_delete, id);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	/* By default: SIGALRM with the timer's number. */
	CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
	CALL(syscall(SYS_timer_settime, id, 0, &t, NULL));
	wait_for(SIGALRM, 1);
	CLAIM(last.si_value.sival_int == id && last.si_timerid == id);
	/* Until a moment, also one that is past. */
	struct itimerspec past = { { 0, 0 }, { 0, 1 } };
	CALL(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &past, NULL));
	wait_for(SIGALRM, 2);
	clock_gettime(CLOCK_MONOTONIC, &past.it_value);
	past.it_value.tv_sec += 100;
	CALL(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &past, NULL));
	CALL(syscall(SYS_timer_gettime, id, &now));
	CLAIM(now.it_value.tv_sec == 99);
	/* To a thread; one that only counts. */
	CALL(create(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGRTMIN, &other));
	rings[SIGRTMIN] = 0;
	CALL(syscall(SYS_timer_settime, other, 0, &t, NULL));
	wait_for(SIGRTMIN, 1);
	CALL(create(CLOCK_MONOTONIC, SIGEV_NONE, 0, &other));
	t.it_value.tv_nsec = 1000000;
	CALL(syscall(SYS_timer_settime, other, 0, &t, NULL));
	nanosleep(&ten, NULL);
	CALL(syscall(SYS_timer_gettime, other, &now));
	CLAIM(now.it_value.tv_nsec == 0);
	/* A child has none of them. */
	fflush(stdout);
	if (!fork())
		_exit(syscall(SYS_timer_delete, id) == -1 ? errno : 0);
	int status;
	wait(&status);
	CALL(WEXITSTATUS(status));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 4096);
	intervals();
	posix();
	return 0;
}
