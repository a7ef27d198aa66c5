/* Each claim prints one line: the call as it is written, and its result or the error's name. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline void show(const char *what, long result)
{
	if (result == -1)
		printf("%s = -1 %s\n", what, strerrorname_np(errno));
	else
		printf("%s = %ld\n", what, result);
}

/* A call that returns -1 and errno, or a number. */
#define CALL(expression) (errno = 0, show(#expression, (long)(expression)))
/* Something that is true or false. */
#define CLAIM(expression) printf("%s: %s\n", #expression, (expression) ? "yes" : "no")
/* A pointer: only whether it is one. */
#define POINTER(expression) \
	(errno = 0, printf("%s %s\n", #expression, (void *)(expression) == (void *)-1 ? \
		strerrorname_np(errno) : "works"))
