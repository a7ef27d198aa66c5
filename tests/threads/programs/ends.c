/* How threads and their process end: which, the argument says. Its status is part of the claim. */
#include "threads.h"

static void say(const char *text)
{
	write(1, text, strlen(text));
}

static void *speak_last(void *unused)
{
	usleep(5000);
	say("the last thread ends the process\n");
	return unused;
}

static void *spin(void *unused)
{
	for (;;)
		work(1000);
	return unused;
}

static void *block(void *unused)
{
	pause();
	return unused;
}

static void *exit_process(void *unused)
{
	say("a thread calls exit\n");
	exit(17);
	return unused;
}

static void *exec_program(void *self)
{
	say("a thread runs another program\n");
	execl(self, self, "report", (char *)NULL);
	say("exec failed\n");
	return NULL;
}

static void *abort_process(void *unused)
{
	abort();
	return unused;
}

static void *fork_process(void *unused)
{
	int status;
	pid_t child = fork();
	if (!child) {
		say(getpid() == (pid_t)syscall(SYS_gettid) ?
			"the child has one thread, its leader\n" : "the child is wrong\n");
		pthread_t thread;
		MUST(pthread_create(&thread, NULL, speak_last, NULL));
		MUST(pthread_join(thread, NULL));
		_exit(5);
	}
	waitpid(child, &status, 0);
	say(WIFEXITED(status) && WEXITSTATUS(status) == 5 ? "it ended\n" : "it is wrong\n");
	exit(3);
	return unused;
}

static sem_t detached;

static void *post(void *unused)
{
	sem_post(&detached);
	return unused;
}

/* A loop of threads that nobody joins: their stacks and tasks are used again. */
static int detach(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sem_init(&detached, 0, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 60; i++) {
		MUST(pthread_create(&thread, i % 2 ? &attributes : NULL, post, NULL));
		if (i % 2 == 0)
			MUST(pthread_detach(thread));
	}
	for (int i = 0; i < 60; i++)
		sem_wait(&detached);
	say("all were there\n");
	return 0;
}

static void with(void *(*function)(void *), void *argument)
{
	pthread_t threads[SOME], one;
	start(threads, 2, spin);
	start(threads + 2, 2, block);
	MUST(pthread_create(&one, NULL, function, argument));
	pause();
}

static int alone(void)
{
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, speak_last, NULL));
	say("main ends\n");
	pthread_exit(NULL);
}

static void *from_the_child(void *unused)
{
	say("a handler of fork\n");
	return unused;
}

static void in_child(void)
{
	from_the_child(NULL);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_atfork(NULL, NULL, in_child);
	if (!strcmp(what, "main"))
		return alone();
	if (!strcmp(what, "exit"))
		with(exit_process, NULL);
	if (!strcmp(what, "exec"))
		with(exec_program, argv[0]);
	if (!strcmp(what, "abort"))
		with(abort_process, NULL);
	if (!strcmp(what, "fork"))
		with(fork_process, NULL);
	if (!strcmp(what, "detach"))
		return detach();
	if (!strcmp(what, "report")) {
		say(getpid() == (pid_t)syscall(SYS_gettid) ?
			"it is the leader now\n" : "it is no leader\n");
		return access("/proc/self/task", F_OK) ? 1 : 23;
	}
	return 99;
}
