/* Priorities: of a task, a group, a user; of the processor's time, and of input and output. */
#include "claims.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define BEST_EFFORT(level) (2 << 13 | (level))

static long ioprio_get(int kind, int who)
{
	return syscall(SYS_ioprio_get, kind, who);
}

static long ioprio_set(int kind, int who, int priority)
{
	return syscall(SYS_ioprio_set, kind, who, priority);
}

static void of_time(pid_t other)
{
	setpriority(PRIO_PROCESS, 0, 3);
	CALL(setpriority(PRIO_PROCESS, other, 7));
	CALL(getpriority(PRIO_PROCESS, other));
	CALL(getpriority(PRIO_PROCESS, 0));
	CALL(getpriority(PRIO_PGRP, 0));
	CALL(getpriority(PRIO_PGRP, getpgrp()));
	CALL(setpriority(PRIO_PGRP, 0, 9));
	CALL(getpriority(PRIO_PROCESS, other));
	CALL(getpriority(PRIO_PGRP, 0));
	CALL(setpriority(PRIO_PGRP, 12345678, 9));
	CALL(setpriority(-1, 0, 9));
	CALL(setpriority(3, 0, 9));
	CALL(setpriority(PRIO_PROCESS, 0, -5));
	CALL(getpriority(PRIO_PROCESS, 0));
}

static void of_input_and_output(pid_t other)
{
	setpriority(PRIO_PROCESS, 0, 0);
	CALL(ioprio_get(1, 0));
	CALL(setpriority(PRIO_PROCESS, 0, 10));
	CALL(ioprio_get(1, 0));
	CALL(ioprio_set(1, 0, BEST_EFFORT(2)));
	CALL(ioprio_get(1, 0));
	CALL(ioprio_get(1, getpid()));
	CALL(ioprio_set(1, other, 3 << 13));
	CALL(ioprio_get(1, other));
	CALL(ioprio_set(1, 0, 1 << 13 | 1));
	CALL(ioprio_get(1, 0));
	CALL(ioprio_set(1, 0, 0));
	CALL(ioprio_set(1, 0, 1));
	CALL(ioprio_set(1, 0, 4 << 13));
	CALL(ioprio_set(0, 0, BEST_EFFORT(2)));
	CALL(ioprio_set(4, 0, BEST_EFFORT(2)));
	CALL(ioprio_set(1, 12345678, BEST_EFFORT(2)));
	CALL(ioprio_get(1, 12345678));
	CALL(ioprio_get(9, 0));
}

int main(void)
{
	pid_t other;

	setpgid(0, 0);
	other = fork();
	if (!other) {
		pause();
		_exit(0);
	}
	of_time(other);
	of_input_and_output(other);
	kill(other, 9);
	wait(NULL);
	return 0;
}
