/* Condition variables, barriers, read-write locks, once, spin locks, semaphores. */
#include "threads.h"

#define ITEMS 200
#define SLOTS 3

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static int ring[SLOTS], level, first, taken;
static long sum;

static void *produce(void *which)
{
	for (int i = 0; i < ITEMS; i++) {
		pthread_mutex_lock(&mutex);
		while (level == SLOTS)
			pthread_cond_wait(&emptied, &mutex);
		ring[(first + level++) % SLOTS] = i + 1000 * (int)(intptr_t)which;
		pthread_cond_signal(&filled);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void *consume(void *unused)
{
	pthread_mutex_lock(&mutex);
	while (taken < 2 * ITEMS) {
		if (!level) {
			pthread_cond_wait(&filled, &mutex);
			continue;
		}
		sum += ring[first];
		first = (first + 1) % SLOTS;
		level--;
		if (++taken == 2 * ITEMS)
			pthread_cond_broadcast(&filled);
		pthread_cond_signal(&emptied);
	}
	pthread_mutex_unlock(&mutex);
	return unused;
}

static void producers_and_consumers(void)
{
	pthread_t makers[2], users[3];
	start(users, 3, consume);
	start(makers, 2, produce);
	finish(makers, 2);
	finish(users, 3);
	TELL(taken);
	TELL(sum);
}

static int timed_wait(clockid_t clock, long ms)
{
	pthread_condattr_t attributes;
	pthread_cond_t condition;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, clock);
	pthread_cond_init(&condition, &attributes);
	struct timespec at = later(clock, ms), now;
	pthread_mutex_lock(&mutex);
	int result = pthread_cond_timedwait(&condition, &mutex, &at);
	pthread_mutex_unlock(&mutex);
	clock_gettime(clock, &now);
	int early = now.tv_sec < at.tv_sec ||
		(now.tv_sec == at.tv_sec && now.tv_nsec < at.tv_nsec);
	return early ? EINVAL : result;
}

static pthread_cond_t gate = PTHREAD_COND_INITIALIZER;
static int waiting, is_open, passed;

static void *pass(void *unused)
{
	pthread_mutex_lock(&mutex);
	waiting++;
	while (!is_open)
		pthread_cond_wait(&gate, &mutex);
	passed++;
	pthread_mutex_unlock(&mutex);
	return unused;
}

static void broadcast(void)
{
	pthread_t threads[SOME];
	start(threads, SOME, pass);
	for (int all = 0; !all; sched_yield()) {
		pthread_mutex_lock(&mutex);
		all = waiting == SOME;
		pthread_mutex_unlock(&mutex);
	}
	TELL(passed);
	pthread_mutex_lock(&mutex);
	is_open = 1;
	pthread_cond_broadcast(&gate);
	pthread_mutex_unlock(&mutex);
	finish(threads, SOME);
	TELL(passed);
}

#define ROUNDS 20
static pthread_barrier_t barrier;
static int serial, at_round[SOME], ahead;

static void *meet(void *which)
{
	int me = (int)(intptr_t)which;
	for (int round = 0; round < ROUNDS; round++) {
		at_round[me] = round;
		work(me * 50);
		int result = pthread_barrier_wait(&barrier);
		if (result == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
		else if (result)
			printf("barrier: %s\n", error_name(result));
		for (int i = 0; i < SOME; i++)
			if (at_round[i] != round)
				__atomic_add_fetch(&ahead, 1, __ATOMIC_SEQ_CST);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void barriers(void)
{
	pthread_t threads[SOME];
	TRY(pthread_barrier_init(&barrier, NULL, SOME));
	start(threads, SOME, meet);
	finish(threads, SOME);
	TELL(serial);
	TELL(ahead);
	TRY(pthread_barrier_destroy(&barrier));
}

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static long first_half, second_half, torn;

static void *read_or_write(void *which)
{
	for (int i = 0; i < 100; i++)
		if ((intptr_t)which % 2) {
			MUST(pthread_rwlock_wrlock(&lock));
			first_half++;
			work(30);
			second_half++;
			MUST(pthread_rwlock_unlock(&lock));
		} else {
			MUST(pthread_rwlock_rdlock(&lock));
			long old = first_half;
			work(30);
			if (old != second_half)
				__atomic_add_fetch(&torn, 1, __ATOMIC_SEQ_CST);
			MUST(pthread_rwlock_unlock(&lock));
		}
	return NULL;
}

static void *try_to_write(void *unused)
{
	return (void *)(intptr_t)pthread_rwlock_trywrlock(&lock);
}

static void *try_to_read_in_time(void *unused)
{
	struct timespec at = later(CLOCK_REALTIME, 5);
	return (void *)(intptr_t)pthread_rwlock_timedrdlock(&lock, &at);
}

static int elsewhere(void *(*function)(void *))
{
	pthread_t thread;
	void *result;
	MUST(pthread_create(&thread, NULL, function, NULL));
	MUST(pthread_join(thread, &result));
	return (int)(intptr_t)result;
}

static void read_write_locks(void)
{
	pthread_t threads[SOME];
	start(threads, SOME, read_or_write);
	finish(threads, SOME);
	TELL(first_half);
	TELL(second_half);
	TELL(torn);
	TRY(pthread_rwlock_rdlock(&lock));
	TRY(pthread_rwlock_tryrdlock(&lock));
	TRY(elsewhere(try_to_write));
	TRY(pthread_rwlock_unlock(&lock));
	TRY(pthread_rwlock_unlock(&lock));
	TRY(pthread_rwlock_wrlock(&lock));
	TRY(elsewhere(try_to_write));
	TRY(elsewhere(try_to_read_in_time));
	TRY(pthread_rwlock_unlock(&lock));
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int initialised, unready;

static void initialise(void)
{
	work(20000);
	initialised++;
}

static void *use(void *unused)
{
	pthread_once(&once, initialise);
	if (initialised != 1)
		__atomic_add_fetch(&unready, 1, __ATOMIC_SEQ_CST);
	return unused;
}

static pthread_spinlock_t spin;
static long spun;

static void *spin_and_count(void *unused)
{
	for (int i = 0; i < 100; i++) {
		pthread_spin_lock(&spin);
		long old = spun;
		work(10);
		spun = old + 1;
		pthread_spin_unlock(&spin);
	}
	return unused;
}

static void once_and_spinning(void)
{
	pthread_t threads[SOME];
	start(threads, SOME, use);
	finish(threads, SOME);
	TELL(initialised);
	TELL(unready);
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	TRY(pthread_spin_lock(&spin));
	TRY(pthread_spin_trylock(&spin));
	TRY(pthread_spin_unlock(&spin));
	start(threads, SOME, spin_and_count);
	finish(threads, SOME);
	TELL(spun);
}

static sem_t ping, pong;
static int turns;

static void *answer(void *unused)
{
	for (int i = 0; i < 100; i++) {
		sem_wait(&ping);
		turns++;
		sem_post(&pong);
	}
	return unused;
}

static void semaphores(void)
{
	pthread_t thread;
	int value;
	CALL(sem_init(&ping, 0, 0));
	CALL(sem_init(&pong, 0, 2));
	TELL((sem_getvalue(&pong, &value), value));
	CALL(sem_trywait(&ping));
	CALL(sem_trywait(&pong));
	CALL(sem_wait(&pong));
	struct timespec at = later(CLOCK_REALTIME, 5);
	CALL(sem_timedwait(&pong, &at));
	start(&thread, 1, answer);
	for (int i = 0; i < 100; i++) {
		turns++;
		sem_post(&ping);
		sem_wait(&pong);
	}
	finish(&thread, 1);
	TELL(turns);
	sem_t *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CALL(sem_init(shared, 1, 0));
	if (!fork()) {
		usleep(1000);
		sem_post(shared);
		_exit(0);
	}
	CALL(sem_wait(shared));
	TELL(wait(NULL) > 0);
	sem_destroy(shared);
}

int main(void)
{
	producers_and_consumers();
	TRY(timed_wait(CLOCK_REALTIME, 10));
	TRY(timed_wait(CLOCK_MONOTONIC, 10));
	TRY(timed_wait(CLOCK_MONOTONIC, -10));
	broadcast();
	barriers();
	read_write_locks();
	once_and_spinning();
	semaphores();
	return 0;
}
