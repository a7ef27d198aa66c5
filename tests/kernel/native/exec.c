/* What exec(2) ends: the wait of a parent by vfork(2), of a futex that is to be cleared. */
#include "claims.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

static char stack[65536] __attribute__((aligned(16)));
static int tid_word = 1;

static int becomes_true(void *unused)
{
	execl("/bin/true", "true", (char *)NULL);
	_exit(9);
}

/* The parent goes on while the new program runs: it gives it its input. */
static void after_vfork(void)
{
	int in[2], out[2], status;
	char answer[16] = "";
	pid_t child;

	CLAIM(!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC));
	child = vfork();
	if (!child) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl("/bin/cat", "cat", (char *)NULL);
		_exit(9);
	}
	CALL(write(in[1], "hello", 5));
	CALL(close(in[1]));
	CALL(read(out[0], answer, sizeof answer));
	printf("%s\n", answer);
	CLAIM(waitpid(child, &status, 0) == child);
	printf("status %#x\n", status);
}

static void a_word_is_cleared(void)
{
	pid_t child = clone(becomes_true, stack + sizeof stack,
			    CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL, &tid_word);
	int status;

	while (__atomic_load_n(&tid_word, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &tid_word, FUTEX_WAIT, 1, NULL);
	printf("word %d\n", tid_word);
	CLAIM(waitpid(child, &status, 0) == child);
	printf("status %#x\n", status);
}

int main(void)
{
	after_vfork();
	a_word_is_cleared();
	return 0;
}
