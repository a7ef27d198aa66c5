/* futex(2), every operation: what is refused, what is woken, what is moved, and when it ends. */
#include "claims.h"
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define OP(op, oparg, cmp, cmparg) FUTEX_OP(op, oparg, cmp, cmparg)
#define LATE(clock) (later(clock, 20))

static uint32_t word, other, third;

static long futex(void *address, int operation, uint32_t value, void *timeout, void *second,
	uint32_t last)
{
	return syscall(SYS_futex, address, operation, value, timeout, second, last);
}

/* A number instead of the time: how many may be moved. */
#define COUNT(n) ((void *)(long)(n))

static struct timespec *later(clockid_t clock, long ms)
{
	static struct timespec at;
	clock_gettime(clock, &at);
	at.tv_nsec += ms * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return &at;
}

static struct timespec *after(long seconds, long nanoseconds)
{
	static struct timespec span;
	span = (struct timespec){seconds, nanoseconds};
	return &span;
}

static void refusals(void)
{
	CALL(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0));
	CALL(futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0));
	CALL(futex((char *)&word + 2, FUTEX_WAKE, 1, NULL, NULL, 0));
	CALL(futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0));
	CALL(futex(NULL, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
	CALL(futex(NULL, FUTEX_WAKE, 1, NULL, NULL, 0));
	CALL(futex(NULL, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	CALL(futex((void *)-4096L, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	CALL(futex((void *)-4096L, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 0, after(0, -1), NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 0, after(0, 1000000000), NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 0, after(-1, 0), NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 0, (void *)8, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_FD, 0, NULL, NULL, 0));
	CALL(futex(&word, 63, 0, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_REQUEUE | FUTEX_CLOCK_REALTIME, 1, COUNT(1), &other, 0));
	CALL(futex(&word, FUTEX_REQUEUE, -1, COUNT(1), &other, 0));
	CALL(futex(&word, FUTEX_REQUEUE, 1, COUNT(-1), &other, 0));
	CALL(futex(&word, FUTEX_CMP_REQUEUE, -1, COUNT(1), &other, 0));
	CALL(futex(&word, FUTEX_CMP_REQUEUE, 1, COUNT(1), &other, 7));
	CALL(futex(&word, FUTEX_CMP_REQUEUE, 1, COUNT(1), (char *)&other + 1, 0));
	CALL(futex(&word, FUTEX_REQUEUE, 1, COUNT(1), NULL, 0));
	CALL(futex(&word, FUTEX_REQUEUE_PRIVATE, 1, COUNT(1), NULL, 0));
	CALL(futex(&word, FUTEX_WAKE_OP, 1, COUNT(1), NULL, 0));
	CALL(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, COUNT(1), NULL, 0));
	CALL(futex(&word, FUTEX_WAKE, 0, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAKE, -1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAKE_BITSET, -1, NULL, NULL, 1));
	CALL(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
}

static void times(void)
{
	CALL(futex(&word, FUTEX_WAIT, 0, after(0, 1000), NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 0, after(0, 0), NULL, 0));
	CALL(futex(&word, FUTEX_WAIT_PRIVATE, 0, after(0, 1000000), NULL, 0));
	CALL(futex(&word, FUTEX_WAIT_BITSET, 0, LATE(CLOCK_MONOTONIC), NULL, 1));
	CALL(futex(&word, FUTEX_WAIT_BITSET, 0, after(0, 1), NULL, -1));
	CALL(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, LATE(CLOCK_REALTIME), NULL,
		-1));
	CALL(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, after(1, 0), NULL, -1));
	CALL(futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, after(0, 1000), NULL, 0));
	struct timespec at = *LATE(CLOCK_MONOTONIC), now;
	futex(&word, FUTEX_WAIT_BITSET, 0, &at, NULL, 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	CLAIM(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
}

/* What FUTEX_WAKE_OP does to the second word, and whether it wakes there is asked by nobody. */
static long wake_op(uint32_t before, uint32_t encoded)
{
	other = before;
	long woken = futex(&word, FUTEX_WAKE_OP, 1, COUNT(1), &other, encoded);
	return woken < 0 ? woken : (long)other;
}

static void wake_operations(void)
{
	CALL(wake_op(5, OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_NE, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_OR, 10, FUTEX_OP_CMP_LT, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_ANDN, 4, FUTEX_OP_CMP_LE, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_XOR, 3, FUTEX_OP_CMP_GT, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_ADD, 0xfff, FUTEX_OP_CMP_GE, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_EQ, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 30, FUTEX_OP_CMP_EQ, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 33, FUTEX_OP_CMP_EQ, 5)));
	CALL(wake_op(5, OP(5, 1, FUTEX_OP_CMP_EQ, 5)));
	CALL(wake_op(5, OP(7, 1, FUTEX_OP_CMP_EQ, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_SET, 1, 6, 5)));
	CALL(wake_op(5, OP(FUTEX_OP_SET, 1, 15, 5)));
}

/* ---- waiters */

struct waiter {
	pthread_t thread;
	uint32_t *at, bits;
	long result;
};

static int waiting;

static void *wait_there(void *argument)
{
	struct waiter *me = argument;
	__atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
	me->result = futex(me->at, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, me->bits);
	__atomic_add_fetch(&waiting, -1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* How many wait at a word: as many as can be moved from there to itself. */
static int waiters(uint32_t *at)
{
	return (int)futex(at, FUTEX_CMP_REQUEUE_PRIVATE, 0, COUNT(99), at, *at);
}

static void begin(struct waiter *all, int count, uint32_t *at)
{
	for (int i = 0; i < count; i++) {
		all[i] = (struct waiter){.at = at, .bits = 1u << i};
		pthread_create(&all[i].thread, NULL, wait_there, all + i);
		while (waiters(at) <= i) /* one after the other, and each in the call */
			usleep(500);
	}
}

static void end(struct waiter *all, int count)
{
	long sum = 0;
	for (int i = 0; i < count; i++) {
		pthread_join(all[i].thread, NULL);
		sum += all[i].result;
	}
	CLAIM(sum == 0);
	CLAIM(waiting == 0);
}

static int left(void)
{
	return waiters(&third);
}

static void wakes(void)
{
	struct waiter all[4];
	begin(all, 4, &third);
	CALL(futex(&third, FUTEX_WAKE, 4, NULL, NULL, 0)); /* private and shared: one word, one key? */
	CALL(futex(&third, FUTEX_WAKE_PRIVATE, 0, NULL, NULL, 0));
	CALL(left());
	CALL(futex(&third, FUTEX_WAKE_BITSET_PRIVATE, 4, NULL, NULL, 4));
	CALL(futex(&third, FUTEX_WAKE_BITSET_PRIVATE, 4, NULL, NULL, 4));
	CALL(left());
	CALL(futex(&third, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0));
	CALL(left());
	CALL(futex(&third, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, -1));
	CALL(futex(&third, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	end(all, 4);
}

static void requeues(void)
{
	struct waiter all[4];
	begin(all, 4, &third);
	CALL(futex(&third, FUTEX_CMP_REQUEUE_PRIVATE, 1, COUNT(2), &other, 1));
	CALL(futex(&third, FUTEX_CMP_REQUEUE_PRIVATE, 1, COUNT(2), &other, 0));
	CALL(left());
	CALL(futex(&third, FUTEX_WAKE_PRIVATE, 0, NULL, NULL, 0));
	CALL(futex(&third, FUTEX_REQUEUE_PRIVATE, 0, COUNT(9), &other, 0));
	CALL(futex(&third, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	CALL(futex(&other, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	end(all, 4);
	begin(all, 3, &third);
	CALL(futex(&third, FUTEX_REQUEUE_PRIVATE, 1, COUNT(9), &third, 0));
	CALL(futex(&third, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	end(all, 3);
	begin(all, 2, &third);
	other = 0;
	CALL(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, COUNT(1), &third,
		OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 1)));
	third = 0;
	CALL(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, COUNT(1), &third,
		OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0)));
	third = 0;
	CALL(futex(&third, FUTEX_WAKE_OP_PRIVATE, 9, COUNT(1), &other,
		OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
	end(all, 2);
}

/* ---- signals */

static volatile int caught;

static void catch(int signal)
{
	caught = signal;
}

static void *wake_later(void *unused)
{
	usleep(60000);
	while (!futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0))
		usleep(1000);
	return unused;
}

static void interrupted(void)
{
	struct itimerval often = {{0, 10000}, {0, 10000}}, never = {0};
	struct sigaction action = {.sa_handler = catch};
	pthread_t thread;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	CALL(futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
	CLAIM(caught == SIGALRM);
	CALL(futex(&word, FUTEX_WAIT_PRIVATE, 0, after(5, 0), NULL, 0));
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	CALL(futex(&word, FUTEX_WAIT_PRIVATE, 0, after(4, 0), NULL, 0));
	pthread_create(&thread, NULL, wake_later, NULL);
	CALL(futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
	pthread_join(thread, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
}

/* ---- between processes */

static void *shared_page(int file)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_SHARED | (file < 0 ? MAP_ANONYMOUS : 0), file, 0);
}

static long woken_by_child(uint32_t *mine, uint32_t *childs, int operation)
{
	if (!fork()) {
		for (int i = 0; i < 500; i++, usleep(1000))
			if (futex(childs, operation, 1, NULL, NULL, 0) > 0)
				_exit(0);
		_exit(1);
	}
	int status;
	long result = futex(mine, FUTEX_WAIT, 0, after(0, 300000000), NULL, 0);
	int error = errno;
	wait(&status);
	errno = error;
	return result < 0 ? result : WEXITSTATUS(status);
}

static void between_processes(void)
{
	char name[] = "/tmp/futexesXXXXXX";
	int file = mkstemp(name);
	unlink(name);
	CALL(ftruncate(file, 4096));
	uint32_t *anonymous = shared_page(-1), *one = shared_page(file), *two = shared_page(file);
	CALL(woken_by_child(anonymous, anonymous, FUTEX_WAKE));
	CALL(woken_by_child(one, two, FUTEX_WAKE));
	CALL(woken_by_child(one + 1, two + 1, FUTEX_WAKE));
	CALL(woken_by_child(one, two + 1, FUTEX_WAKE));
	CALL(woken_by_child(&word, &word, FUTEX_WAKE));
	CALL(woken_by_child(anonymous, anonymous, FUTEX_WAKE_PRIVATE));
	munmap(two, 4096);
	CALL(futex(two, FUTEX_WAKE, 1, NULL, NULL, 0));
	CALL(futex(two, FUTEX_WAIT, 0, NULL, NULL, 0));
}

int main(void)
{
	refusals();
	times();
	wake_operations();
	wakes();
	requeues();
	interrupted();
	between_processes();
	return 0;
}
