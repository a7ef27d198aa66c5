/* Programs that wait for what can never come: the argument says which. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char byte;

static int own_pipe(void)
{
	int ends[2];
	pipe(ends);
	return (int)read(ends[0], &byte, 1);
}

static int full_pipe(void)
{
	int ends[2];
	char block[4096] = "";
	pipe(ends);
	for (;;)
		write(ends[1], block, sizeof block);
}

/* Each reads first what the other would write then. */
static int two_pipes(void)
{
	int there[2], back[2];
	pipe(there);
	pipe(back);
	int child = !fork();
	read(child ? there[0] : back[0], &byte, 1);
	return (int)write(child ? back[1] : there[1], &byte, 1);
}

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

static int one_mutex(void)
{
	pthread_mutex_lock(&first);
	return pthread_mutex_lock(&first);
}

static void *lock_both(void *backwards)
{
	pthread_mutex_lock(backwards ? &second : &first);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(backwards ? &first : &second);
	return NULL;
}

static int crossed_mutexes(void)
{
	pthread_t threads[2];
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(threads, NULL, lock_both, NULL);
	pthread_create(threads + 1, NULL, lock_both, &both);
	return pthread_join(threads[0], NULL);
}

static int nobody_wakes(void)
{
	static int word;
	return (int)syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static int no_signal(void)
{
	return pause();
}

static int stopped_child(void)
{
	if (!fork())
		raise(SIGSTOP);
	return wait(NULL) > 0;
}

static int many(void)
{
	for (int i = 0; i < 20; i++)
		if (!fork())
			return pause();
	return wait(NULL) > 0;
}

/* No deadlock: while one waits, the other computes. */
static int computes(void)
{
	int ends[2];
	pipe(ends);
	if (!fork()) {
		for (volatile int i = 0; i < 3000000; i++)
			;
		return write(ends[1], "x", 1) != 1;
	}
	return read(ends[0], &byte, 1) == 1 && byte == 'x' ? 7 : 8;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(void); } table[] = {
		{"own_pipe", own_pipe}, {"full_pipe", full_pipe}, {"two_pipes", two_pipes},
		{"one_mutex", one_mutex}, {"crossed_mutexes", crossed_mutexes},
		{"nobody_wakes", nobody_wakes}, {"no_signal", no_signal},
		{"stopped_child", stopped_child}, {"many", many}, {"computes", computes},
	};
	for (size_t i = 0; argc > 1 && i < sizeof table / sizeof *table; i++)
		if (!strcmp(argv[1], table[i].name))
			return table[i].run();
	return 99;
}
