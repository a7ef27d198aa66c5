/* What a tracer hears besides, by ptrace(2): events, groups; how it begins, and how it ends. */
#include "tracing.h"
#include <sched.h>

/* ---- events */

static char *self;

static void runs(void)
{
	char *arguments[] = {self, "end", 0};
	execv(self, arguments);
}

static void executes(int options)
{
	pid_t child = traced(runs);
	ptrace(PTRACE_SETOPTIONS, child, 0, options);
	cont(PTRACE_CONT, child, 0, "exec");
	tell_info(child);
	CLAIM(message(child) == (options ? child : 0));
	CLAIM(peek_user(child, USER(ORIG_AX)) == SYS_execve);
	cont(PTRACE_CONT, child, 0, "it ends");
}

static int other_thread(void *argument) { return 5; }

static void forks(void)
{
	int status;
	waitpid(fork() ?: (_exit(21), 0), &status, 0);
	pid_t child = vfork();
	if (!child)
		_exit(22);
	waitpid(child, &status, 0);
	static char stack[16384];
	child = clone(other_thread, stack + sizeof stack, CLONE_VM, 0);
	waitpid(child, &status, __WCLONE);
	_exit(WEXITSTATUS(status));
}

/* All that a tracee and its children tell; their order among themselves is not told. */
static void family(int options)
{
	static int counts[256];
	pid_t child = traced(forks), pid;
	int status, told = 0;
	memset(counts, 0, sizeof counts);
	CALL(ptrace(PTRACE_SETOPTIONS, child, 0, options));
	ptrace(PTRACE_CONT, child, 0, 0);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int signal = 0;
		if (WIFEXITED(status)) {
			printf("%s exits with %d\n", pid == child ? "the child" : "another", WEXITSTATUS(status));
			continue;
		}
		if (status >> 16)
			counts[status >> 16]++;
		else if (WSTOPSIG(status) == SIGSTOP && pid != child)
			counts[0]++;
		else
			signal = WSTOPSIG(status);
		if (status >> 16 == PTRACE_EVENT_EXIT)
			printf("the end of %s is near: %lx\n", pid == child ? "the child" : "another", message(pid));
		if (status >> 16 == PTRACE_EVENT_FORK)
			CLAIM(message(pid) > 0 && message(pid) != child);
		ptrace(PTRACE_CONT, pid, 0, signal);
	}
	for (int event = 0; event < 256; event++)
		if (counts[event])
			printf("event %d: %d times\n", event, counts[event]);
}

/* ---- groups, attaching, parting */

static void stops(void)
{
	setpgid(0, 0); /* no orphan's: its parent, of another group, is in the session */
	raise(SIGTSTP);
	_exit(13);
}

static void group_stops(void)
{
	int status;
	pid_t child = traced(stops);
	cont(PTRACE_CONT, child, 0, "SIGTSTP comes");
	tell_info(child);
	cont(PTRACE_CONT, child, SIGTSTP, "it stops its process");
	tell_info(child);
	cont(PTRACE_CONT, child, 0, "its tracer lets it go on");

	child = traced(stops);
	cont(PTRACE_CONT, child, 0, "SIGTSTP comes");
	cont(PTRACE_CONT, child, SIGTSTP, "it stops its process");
	kill(child, SIGCONT);
	CALL(waitpid(child, &status, WNOHANG | __WALL));
	cont(PTRACE_CONT, child, 0, "SIGCONT comes");
	cont(PTRACE_CONT, child, SIGCONT, "it ends");

	child = traced(stops);
	cont(PTRACE_CONT, child, 0, "SIGTSTP comes");
	CALL(ptrace(PTRACE_DETACH, child, 0, SIGTSTP));
	CLAIM(waitpid(child, &status, WUNTRACED) == child);
	tell("for its parent", status);
	kill(child, SIGCONT);
	await(child, "it ends");
}

static void attaching(void)
{
	pid_t child = untraced(forever);
	CALL(ptrace(PTRACE_ATTACH, child, 0, 0));
	await(child, "attached");
	tell_info(child);
	CALL(ptrace(PTRACE_ATTACH, child, 0, 0));
	CALL(ptrace(PTRACE_DETACH, child, 0, 0));
	CALL(ptrace(PTRACE_DETACH, child, 0, 0));
	CALL(ptrace(PTRACE_ATTACH, child, 0, 0));
	await(child, "attached again");
	kill(child, SIGTERM);
	cont(PTRACE_CONT, child, 0, "SIGTERM comes");
	cont(PTRACE_CONT, child, SIGTERM, "it is killed");

	child = untraced(forever);
	kill(child, SIGSTOP);
	int status;
	CLAIM(waitpid(child, &status, WUNTRACED) == child);
	CALL(ptrace(PTRACE_ATTACH, child, 0, 0));
	await(child, "attached to what is stopped");
	tell_info(child);
	finish(child);
}

static void seizing(void)
{
	pid_t child = untraced(forever);
	CALL(ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD));
	CALL(waitpid(child, 0, WNOHANG | __WALL));
	CALL(ptrace(PTRACE_INTERRUPT, child, 0, 0));
	await(child, "interrupted");
	tell_info(child);
	CALL(ptrace(PTRACE_INTERRUPT, child, 0, 0));
	cont(PTRACE_CONT, child, 0, "interrupted again");
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	kill(child, SIGSTOP);
	await(child, "SIGSTOP comes");
	CALL(ptrace(PTRACE_LISTEN, child, 0, 0));
	cont(PTRACE_CONT, child, SIGSTOP, "it stops its process");
	tell_info(child);
	CALL(ptrace(PTRACE_LISTEN, child, 0, 0));
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	CALL(waitpid(child, 0, WNOHANG | __WALL));
	kill(child, SIGCONT);
	await(child, "its process goes on");
	cont(PTRACE_CONT, child, 0, "SIGCONT comes");
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	kill(child, SIGKILL);
	await(child, "killed");
}

static pid_t traced_by_another(int how, int options)
{
	int ready[2];
	char byte;
	pid_t child = untraced(forever);
	pipe(ready);
	pid_t tracer = fork();
	if (!tracer) {
		if (ptrace(how, child, 0, options) || write(ready[1], "", 1) != 1)
			_exit(1);
		if (how == PTRACE_ATTACH)
			waitpid(child, 0, __WALL);
		_exit(0);
	}
	read(ready[0], &byte, 1);
	await(tracer, "a tracer");
	return child;
}

static void parting(void)
{
	pid_t child = traced_by_another(PTRACE_ATTACH, 0);
	CALL(waitpid(child, 0, WNOHANG));
	kill(child, SIGTERM);
	await(child, "what it traced goes on");
	child = traced_by_another(PTRACE_SEIZE, PTRACE_O_EXITKILL);
	await(child, "what it traced with EXITKILL");
}

int main(int count, char **arguments)
{
	self = arguments[0];
	if (count > 1)
		return 14;
	executes(0);
	executes(PTRACE_O_TRACEEXEC);
	family(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORKDONE);
	family(PTRACE_O_TRACEEXIT);
	family(0);
	group_stops();
	attaching();
	seizing();
	parting();
	return 0;
}
