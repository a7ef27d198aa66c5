/* Signals and threads: each has its mask; a signal for the process goes to who takes it. */
#include "threads.h"

static __thread volatile int caught;
static volatile int total;
static pthread_t threads[SOME];
static sem_t ready, done;

static void handle(int signal)
{
	caught++;
	__atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
	(void)signal;
}

static void *catch_one(void *unused)
{
	sem_post(&ready);
	while (!caught)
		sched_yield();
	sem_post(&done);
	return (void *)(intptr_t)caught;
}

static void to_one_thread(void)
{
	start(threads, SOME, catch_one);
	for (int i = 0; i < SOME; i++)
		sem_wait(&ready);
	for (int i = 0; i < SOME; i++)
		MUST(pthread_kill(threads[i], SIGUSR1));
	long sum = 0;
	for (int i = 0; i < SOME; i++) {
		void *result;
		MUST(pthread_join(threads[i], &result));
		sum += (intptr_t)result;
	}
	TELL(sum);
	TELL(total);
	TELL(caught);
}

static void *block_and_wait(void *which)
{
	sigset_t mask, old;
	int signal = 0;
	sigemptyset(&mask);
	pthread_sigmask(SIG_SETMASK, NULL, &old);
	int inherited = sigismember(&old, SIGUSR2);
	sigaddset(&mask, SIGRTMIN + (int)(intptr_t)which);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	sem_post(&ready);
	sigwait(&mask, &signal);
	return (void *)(intptr_t)(inherited * 1000 + signal - SIGRTMIN);
}

static void waited_for(void)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	start(threads, SOME, block_and_wait);
	for (int i = 0; i < SOME; i++)
		sem_wait(&ready);
	for (int i = SOME - 1; i >= 0; i--)
		MUST(pthread_kill(threads[i], SIGRTMIN + i));
	for (int i = 0; i < SOME; i++) {
		void *result;
		MUST(pthread_join(threads[i], &result));
		TELL((intptr_t)result);
	}
}

/* All but one block it: the one that does not gets what the process is sent. */
static void *take(void *which)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask((intptr_t)which == 2 ? SIG_UNBLOCK : SIG_BLOCK, &mask, NULL);
	sem_post(&ready);
	sem_wait(&done);
	return (void *)(intptr_t)caught;
}

static void to_the_process(void)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	while (!sem_trywait(&done))
		;
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	start(threads, SOME, take);
	for (int i = 0; i < SOME; i++)
		sem_wait(&ready);
	total = 0;
	kill(getpid(), SIGUSR1);
	while (!total)
		sched_yield();
	for (int i = 0; i < SOME; i++)
		sem_post(&done);
	for (int i = 0; i < SOME; i++) {
		void *result;
		MUST(pthread_join(threads[i], &result));
		TELL((intptr_t)result);
	}
	TELL(caught);
}

static void *take_all(void *unused)
{
	sigset_t mask;
	siginfo_t info;
	long sum = 0;
	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN + 5);
	for (int i = 0; i < 10; i++) {
		int signal = sigwaitinfo(&mask, &info);
		sum += signal == SIGRTMIN + 5 && info.si_code == SI_QUEUE ?
			info.si_value.sival_int : 1000;
	}
	return (void *)(intptr_t)sum;
}

static void queued(void)
{
	sigset_t mask;
	void *result;
	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN + 5);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	start(threads, 1, take_all);
	for (int i = 1; i <= 10; i++)
		sigqueue(getpid(), SIGRTMIN + 5, (union sigval){.sival_int = i});
	MUST(pthread_join(threads[0], &result));
	TELL((intptr_t)result);
}

static volatile int interrupted;

static void *sleep_long(void *unused)
{
	sem_post(&ready);
	struct timespec rest = {1000, 0};
	interrupted = nanosleep(&rest, &rest) == -1 && errno == EINTR && rest.tv_sec > 900;
	return unused;
}

static void out_of_a_call(void)
{
	struct sigaction action = {.sa_handler = handle};
	sigaction(SIGHUP, &action, NULL);
	start(threads, 1, sleep_long);
	sem_wait(&ready);
	while (!interrupted) {
		pthread_kill(threads[0], SIGHUP);
		usleep(500);
	}
	TELL(interrupted);
	MUST(pthread_join(threads[0], NULL));
}

static void *stay(void *unused)
{
	sem_wait(&done);
	return unused;
}

int main(void)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &action, NULL);
	sem_init(&ready, 0, 0);
	sem_init(&done, 0, 0);
	to_one_thread();
	waited_for();
	to_the_process();
	queued();
	out_of_a_call();
	start(threads, 1, stay);
	TRY(pthread_kill(threads[0], 0));
	TRY(pthread_kill(threads[0], 65));
	sem_post(&done);
	finish(threads, 1);
	return 0;
}
