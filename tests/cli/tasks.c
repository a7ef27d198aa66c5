/* Two children, one after the other: one writes and exits, one is killed; the parent hears of both. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int heard;

static void handler(int signal)
{
	heard++;
}

int main(void)
{
	int ends[2], status;
	sigset_t none, chld;
	pid_t pid;
	char byte;

	sigemptyset(&none);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, 0);
	signal(SIGCHLD, handler);
	pipe(ends);
	pid = fork();
	if (!pid) {
		close(ends[0]);
		write(ends[1], "x", 1);
		_exit(3);
	}
	close(ends[1]);
	sigsuspend(&none);
	waitpid(pid, &status, 0);
	read(ends[0], &byte, 1);
	read(ends[0], &byte, 1);
	pid = fork();
	if (!pid) {
		for (;;)
			;
	}
	kill(pid, SIGTERM);
	sigsuspend(&none);
	waitpid(pid, &status, WNOHANG);
	kill(getpid(), SIGUSR1);
	return 0;
}
