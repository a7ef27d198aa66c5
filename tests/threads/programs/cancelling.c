/* Cancellation: deferred and at once, what it waits in, cleanup handlers, thread-specific data. */
#include "threads.h"

static int cleaned;
static char order[32];

static void clean(void *what)
{
	order[cleaned++] = *(char *)what;
}

static sem_t begun;

static void *in_read(void *pipe)
{
	char byte;
	pthread_cleanup_push(clean, "r");
	sem_post(&begun);
	read(*(int *)pipe, &byte, 1);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *in_pause(void *unused)
{
	pthread_cleanup_push(clean, "1");
	pthread_cleanup_push(clean, "2");
	pthread_cleanup_push(clean, "3");
	sem_post(&begun);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return unused;
}

static void *in_sleep(void *unused)
{
	sem_post(&begun);
	sleep(1000);
	return unused;
}

static sem_t never;

static void *in_sem_wait(void *unused)
{
	sem_post(&begun);
	sem_wait(&never);
	return unused;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int unlocked_by_handler;

static void unlock(void *one)
{
	unlocked_by_handler = pthread_mutex_unlock(one) == 0;
}

static void *in_condition(void *unused)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	sem_post(&begun);
	for (;;)
		pthread_cond_wait(&condition, &mutex);
	pthread_cleanup_pop(1);
	return unused;
}

static void *spinning(void *unused)
{
	int old;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	sem_post(&begun);
	for (;;)
		;
	return unused;
}

static void *testing(void *unused)
{
	sem_post(&begun);
	for (;;)
		pthread_testcancel();
	return unused;
}

static volatile int released, was_asked;

static void *refusing(void *unused)
{
	int old;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&begun);
	while (!released)
		sched_yield();
	was_asked = 1;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	pthread_testcancel();
	was_asked = 2;
	return unused;
}

static int cancel(void *(*function)(void *), void *argument)
{
	pthread_t thread;
	void *result;
	MUST(pthread_create(&thread, NULL, function, argument));
	sem_wait(&begun);
	work(5000);
	MUST(pthread_cancel(thread));
	if (function == refusing)
		released = 1;
	MUST(pthread_join(thread, &result));
	return result == PTHREAD_CANCELED;
}

/* Joining is a cancellation point, too: what is joined is not cancelled with it. */
static void *join_another(void *other)
{
	sem_post(&begun);
	pthread_join(*(pthread_t *)other, NULL);
	return NULL;
}

static void *wait_for_never(void *unused)
{
	sem_wait(&never);
	return (void *)7;
}

static void cancelled_join(void)
{
	pthread_t other;
	void *result;
	MUST(pthread_create(&other, NULL, wait_for_never, NULL));
	TELL(cancel(join_another, &other));
	sem_post(&never);
	MUST(pthread_join(other, &result));
	TELL((intptr_t)result);
}

/* ---- thread-specific data */

static pthread_key_t first_key, second_key;
static int destroyed, rounds;
static __thread int local = 41;
static __thread char text[16] = "initial";
static int sums;

static void destroy(void *value)
{
	__atomic_add_fetch(&destroyed, (int)(intptr_t)value, __ATOMIC_SEQ_CST);
}

static void set_again(void *value)
{
	rounds++;
	pthread_setspecific(second_key, value); /* until PTHREAD_DESTRUCTOR_ITERATIONS */
}

static void *keep(void *which)
{
	intptr_t me = (intptr_t)which;
	int fresh = local == 41 && !strcmp(text, "initial") && !pthread_getspecific(first_key);
	pthread_setspecific(first_key, (void *)(me + 1));
	local += (int)me;
	snprintf(text, sizeof text, "thread %d", (int)me);
	for (int i = 0; i < 50; i++) {
		work(100);
		char expected[16];
		snprintf(expected, sizeof expected, "thread %d", (int)me);
		fresh &= local == 41 + me && !strcmp(text, expected);
		fresh &= pthread_getspecific(first_key) == (void *)(me + 1);
		errno = (int)me + 1;
		sched_yield();
		fresh &= errno == me + 1;
	}
	__atomic_add_fetch(&sums, fresh, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *keep_setting(void *unused)
{
	pthread_setspecific(second_key, &rounds);
	return unused;
}

static void thread_local_storage(void)
{
	pthread_t threads[SOME];
	TRY(pthread_key_create(&first_key, destroy));
	start(threads, SOME, keep);
	finish(threads, SOME);
	TELL(sums);
	TELL(destroyed);
	TELL(local);
	TRY(pthread_key_create(&second_key, set_again));
	start(threads, 1, keep_setting);
	finish(threads, 1);
	TELL(rounds == PTHREAD_DESTRUCTOR_ITERATIONS);
	TRY(pthread_key_delete(first_key));
	TRY(pthread_setspecific(first_key, NULL));
}

int main(void)
{
	int ends[2];
	sem_init(&begun, 0, 0);
	sem_init(&never, 0, 0);
	pipe(ends);
	TELL(cancel(in_read, ends));
	TELL(cancel(in_pause, NULL));
	puts(order);
	TELL(cancel(in_sleep, NULL));
	TELL(cancel(in_sem_wait, NULL));
	TELL(cancel(in_condition, NULL));
	TELL(unlocked_by_handler);
	TRY(pthread_mutex_lock(&mutex));
	TELL(cancel(spinning, NULL));
	TELL(cancel(testing, NULL));
	TELL(cancel(refusing, NULL));
	TELL(was_asked);
	cancelled_join();
	thread_local_storage();
	return 0;
}
