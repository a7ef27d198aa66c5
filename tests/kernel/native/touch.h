/* What a touch of memory brings, and claims of a child. */
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

static sigjmp_buf touched;

static void struck(int signal)
{
	siglongjmp(touched, signal);
}

/* The signal that a touch brings, or 0; `struck` handles SIGSEGV and SIGBUS. */
static inline int touch(volatile char *at, int store)
{
	int signal = sigsetjmp(touched, 1);

	if (signal)
		return signal;
	if (store)
		*at = 'w';
	else
		(void)*at;
	return 0;
}

/* What `body` prints is a child's; how it ends is told. */
#define CHILD(body) do { \
	int status; \
	fflush(stdout); \
	pid_t child = fork(); \
	if (!child) { body; fflush(stdout); _exit(0); } \
	waitpid(child, &status, 0); \
	printf("child: %#x\n", status); \
} while (0)
