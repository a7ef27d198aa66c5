/* What the programs share: a claim is one line, and is the same whatever the interleaving. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline const char *error_name(int number)
{
	static const struct { int number; const char *name; } names[] = {
		{0, "0"}, {EBUSY, "EBUSY"}, {EDEADLK, "EDEADLK"}, {EPERM, "EPERM"},
		{EINVAL, "EINVAL"}, {ETIMEDOUT, "ETIMEDOUT"}, {EOWNERDEAD, "EOWNERDEAD"},
		{ENOTRECOVERABLE, "ENOTRECOVERABLE"}, {EAGAIN, "EAGAIN"}, {ESRCH, "ESRCH"},
		{EINTR, "EINTR"}, {ENOTSUP, "ENOTSUP"}, {ENOSYS, "ENOSYS"}, {ENOENT, "ENOENT"},
		{EOVERFLOW, "EOVERFLOW"}, {EFAULT, "EFAULT"}, {ENOMEM, "ENOMEM"},
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].number == number)
			return names[i].name;
	return "another error";
}

/* A pthread function: it returns an error's number. */
#define TRY(expression) printf("%s = %s\n", #expression, error_name(expression))
/* One that returns -1 and errno. */
#define CALL(expression) \
	printf("%s = %s\n", #expression, (expression) == -1 ? error_name(errno) : "0")
#define TELL(expression) printf("%s = %ld\n", #expression, (long)(expression))
/* What must not fail. */
#define MUST(expression) do { \
	int failed_ = (expression); \
	if (failed_) { printf("%s failed: %s\n", #expression, error_name(failed_)); exit(9); } \
} while (0)

#define SOME 4 /* threads */

static inline void start(pthread_t *threads, int count, void *(*function)(void *))
{
	for (intptr_t i = 0; i < count; i++)
		MUST(pthread_create(threads + i, NULL, function, (void *)i));
}

static inline void finish(pthread_t *threads, int count)
{
	for (int i = 0; i < count; i++)
		MUST(pthread_join(threads[i], NULL));
}

/* A number of milliseconds from now, by a clock. */
static inline struct timespec later(clockid_t clock, long ms)
{
	struct timespec at;
	clock_gettime(clock, &at);
	at.tv_nsec += ms % 1000 * 1000000;
	at.tv_sec += ms / 1000 + at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

static inline void work(int turns)
{
	for (volatile int i = 0; i < turns; i++)
		;
}
