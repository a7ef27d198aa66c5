/* Mutexes of every kind: exclusion under contention, and what each kind answers. */
#include "threads.h"

#define TURNS 300

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long plain, held;

static void *count(void *unused)
{
	for (int i = 0; i < TURNS; i++) {
		MUST(pthread_mutex_lock(&mutex));
		long old = plain;
		work(20);
		plain = old + 1;
		MUST(pthread_mutex_unlock(&mutex));
	}
	return unused;
}

static void *count_by_trying(void *unused)
{
	for (int i = 0; i < TURNS / 3; i++) {
		while (pthread_mutex_trylock(&mutex) == EBUSY)
			sched_yield();
		long old = held;
		work(20);
		held = old + 1;
		MUST(pthread_mutex_unlock(&mutex));
	}
	return unused;
}

static void of_kind(pthread_mutex_t *made, int kind, int robust, int shared)
{
	pthread_mutexattr_t attributes;
	MUST(pthread_mutexattr_init(&attributes));
	MUST(pthread_mutexattr_settype(&attributes, kind));
	MUST(pthread_mutexattr_setrobust(&attributes, robust));
	MUST(pthread_mutexattr_setpshared(&attributes, shared));
	MUST(pthread_mutex_init(made, &attributes));
	MUST(pthread_mutexattr_destroy(&attributes));
}

static void *try_it(void *one)
{
	return (void *)(intptr_t)pthread_mutex_trylock(one);
}

static void *unlock_it(void *one)
{
	return (void *)(intptr_t)pthread_mutex_unlock(one);
}

static int elsewhere(void *(*function)(void *), void *argument)
{
	pthread_t thread;
	void *result;
	MUST(pthread_create(&thread, NULL, function, argument));
	MUST(pthread_join(thread, &result));
	return (int)(intptr_t)result;
}

static void recursive(void)
{
	pthread_mutex_t one;
	of_kind(&one, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, 0);
	TRY(pthread_mutex_lock(&one));
	TRY(pthread_mutex_lock(&one));
	TRY(elsewhere(try_it, &one));
	TRY(pthread_mutex_unlock(&one));
	TRY(elsewhere(try_it, &one));
	TRY(elsewhere(unlock_it, &one));
	TRY(pthread_mutex_unlock(&one));
	TRY(pthread_mutex_unlock(&one));
	TRY(pthread_mutex_destroy(&one));
}

static void error_checking(void)
{
	pthread_mutex_t one;
	of_kind(&one, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, 0);
	TRY(pthread_mutex_unlock(&one));
	TRY(pthread_mutex_lock(&one));
	TRY(pthread_mutex_lock(&one));
	TRY(elsewhere(try_it, &one));
	TRY(elsewhere(unlock_it, &one));
	TRY(pthread_mutex_unlock(&one));
}

static pthread_mutex_t timed = PTHREAD_MUTEX_INITIALIZER;

static void *wait_in_vain(void *unused)
{
	struct timespec at = later(CLOCK_REALTIME, 20);
	int result = pthread_mutex_timedlock(&timed, &at);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int early = now.tv_sec < at.tv_sec ||
		(now.tv_sec == at.tv_sec && now.tv_nsec < at.tv_nsec);
	return (void *)(intptr_t)(early ? EINVAL : result);
}

static void with_a_time(void)
{
	struct timespec at = later(CLOCK_REALTIME, 10000);
	TRY(pthread_mutex_timedlock(&timed, &at));
	TRY(elsewhere(wait_in_vain, NULL));
	at.tv_nsec = 1000000000;
	pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	TRY(pthread_mutex_timedlock(&one, &at));
	TRY(pthread_mutex_unlock(&timed));
}

static void *lock_and_die(void *one)
{
	return (void *)(intptr_t)pthread_mutex_lock(one);
}

static void robust(void)
{
	pthread_mutex_t one;
	of_kind(&one, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, 0);
	TRY(elsewhere(lock_and_die, &one));
	TRY(pthread_mutex_lock(&one));
	TRY(pthread_mutex_consistent(&one));
	TRY(pthread_mutex_unlock(&one));
	TRY(elsewhere(lock_and_die, &one));
	TRY(pthread_mutex_trylock(&one));
	TRY(pthread_mutex_unlock(&one));
	TRY(pthread_mutex_lock(&one));
	TRY(pthread_mutex_trylock(&one));
}

static void *wait_for_the_dead(void *one)
{
	int result = pthread_mutex_lock(one);
	pthread_mutex_consistent(one);
	pthread_mutex_unlock(one);
	return (void *)(intptr_t)result;
}

/* Another waits while the owner dies: the kernel must wake it. */
static void robust_with_a_waiter(void)
{
	pthread_mutex_t one;
	pthread_t waiter, owner;
	void *result;
	of_kind(&one, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, 0);
	MUST(pthread_mutex_lock(&one));
	MUST(pthread_create(&waiter, NULL, wait_for_the_dead, &one));
	usleep(2000);
	MUST(pthread_mutex_unlock(&one));
	MUST(pthread_join(waiter, &result));
	TRY((int)(intptr_t)result);
	MUST(pthread_create(&owner, NULL, lock_and_die, &one));
	MUST(pthread_join(owner, NULL));
	MUST(pthread_create(&waiter, NULL, wait_for_the_dead, &one));
	MUST(pthread_join(waiter, &result));
	TRY((int)(intptr_t)result);
}

struct shared { pthread_mutex_t counting, robust; long count; };

/* Mutexes in memory that processes share; one of them dies with the lock. */
static void between_processes(void)
{
	struct shared *all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	of_kind(&all->counting, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, 1);
	of_kind(&all->robust, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, 1);
	for (int child = 0; child < 2; child++)
		if (!fork()) {
			for (int i = 0; i < 100; i++) {
				pthread_mutex_lock(&all->counting);
				long old = all->count;
				work(50);
				all->count = old + 1;
				pthread_mutex_unlock(&all->counting);
			}
			if (child)
				pthread_mutex_lock(&all->robust);
			_exit(child);
		}
	while (wait(NULL) > 0)
		;
	TELL(all->count);
	TRY(pthread_mutex_lock(&all->robust));
	TRY(pthread_mutex_consistent(&all->robust));
	TRY(pthread_mutex_unlock(&all->robust));
}

int main(void)
{
	pthread_t threads[SOME];
	start(threads, SOME, count);
	finish(threads, SOME);
	TELL(plain);
	start(threads, SOME, count_by_trying);
	finish(threads, SOME);
	TELL(held);
	recursive();
	error_checking();
	with_a_time();
	robust();
	robust_with_a_waiter();
	between_processes();
	return 0;
}
