/* Who may trace whom, and look into its memory: ids, capabilities, PR_SET_DUMPABLE. */
#include "tracing.h"
#include <fcntl.h>
#include <unistd.h>

#ifdef __i386__
#define SETRESUID SYS_setresuid32
#define SETRESGID SYS_setresgid32
#else
#define SETRESUID SYS_setresuid
#define SETRESGID SYS_setresgid
#endif

static long word = 5;

/* Does as `user` says: three user ids, three group ids, and whether it may be looked into after that. */
static void become(const int *user)
{
	syscall(SETRESGID, user[3], user[4], user[5]);
	syscall(SETRESUID, user[0], user[1], user[2]);
	if (user[6])
		prctl(PR_SET_DUMPABLE, 1);
}

static void tries(pid_t victim)
{
	char path[40];
	long here = 0;
	struct iovec mine = { &here, sizeof here }, its = { &word, sizeof word };

	CALL(process_vm_readv(victim, &mine, 1, &its, 1, 0));
	sprintf(path, "/proc/%d/mem", victim);
	int file = open(path, O_RDONLY);
	printf("mem: %s\n", file < 0 ? strerrorname_np(errno) : "opened");
	if (!ptrace(PTRACE_SEIZE, victim, 0, 0)) {
		printf("seized\n");
		CALL(ptrace(PTRACE_INTERRUPT, victim, 0, 0));
	} else {
		printf("not seized: %s\n", strerrorname_np(errno));
	}
}

static void pair(const char *what, const int *looks, const int *seen)
{
	int ready[2], over[2];
	char byte;

	printf("%s\n", what);
	fflush(stdout);
	if (!fork()) {
		pipe(ready);
		pipe(over);
		pid_t victim = fork();
		if (!victim) {
			close(over[1]);
			become(seen);
			write(ready[1], "x", 1);
			read(over[0], &byte, 1); /* until the other one has ended */
			_exit(0);
		}
		read(ready[0], &byte, 1);
		become(looks);
		tries(victim);
		_exit(fflush(stdout));
	}
	wait(NULL);
}

int main(void)
{
	static const int root[] = { 0, 0, 0, 0, 0, 0, 1 }, seven[] = { 7, 7, 7, 7, 7, 7, 1 };
	static const int shut[] = { 7, 7, 7, 7, 7, 7, 0 }, eight[] = { 8, 8, 8, 8, 8, 8, 1 };
	static const int kept[] = { 7, 7, 0, 7, 7, 7, 1 }, group[] = { 7, 7, 7, 8, 8, 8, 1 };
	static const int effective[] = { 8, 7, 8, 7, 7, 7, 1 }, real[] = { 7, 8, 7, 7, 7, 7, 1 };

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	pair("root at root", root, root);
	pair("root at a user", root, seven);
	pair("root at a user who shows nothing", root, shut);
	pair("a user at its own", seven, seven);
	pair("a user at its own that shows nothing", seven, shut);
	pair("a user at another", eight, seven);
	pair("a user at root", seven, root);
	pair("a user at one who could be root again", seven, kept);
	pair("a user at one of another group", seven, group);
	pair("by the effective id", effective, seven);
	pair("by the real id", real, seven);
	pair("at another effective id", seven, real);
	return 0;
}
