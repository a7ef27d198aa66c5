/* Where a tracee stops, by ptrace(2): at its system calls, and behind each instruction. */
#include "tracing.h"

/* ---- system calls */

static void calls(void)
{
	syscall(SYS_getppid);
	_exit(syscall(SYS_close, 1234) == -1 && errno == EBADF ? 7 : 8);
}

static void call_info(pid_t pid)
{
	struct __ptrace_syscall_info info;
	memset(&info, 0, sizeof info);
	long size = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
	printf("  info: %ld bytes, op %d, arch %x", size, info.op, info.arch);
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		printf(", nr %lld, argument %d", (long long)info.entry.nr,
		       info.entry.args[0] == (unsigned long)peek_user(pid, USER(FIRST)));
	if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		printf(", error %d", info.exit.is_error);
	printf(", ip %d, message %ld\n", info.instruction_pointer == (unsigned long)peek_user(pid, USER(IP)),
	       message(pid));
	memset(&info, 0x55, sizeof info);
	CALL(ptrace(PTRACE_GET_SYSCALL_INFO, pid, 8, &info));
	CLAIM(((unsigned char *)&info)[8] == 0x55);
}

static void at_calls(int options)
{
	pid_t child = traced(calls);
	CALL(ptrace(PTRACE_SETOPTIONS, child, 0, options));
	call_info(child);
	cont(PTRACE_SYSCALL, child, 0, "getppid begins");
	tell_info(child);
	call_info(child);
	CLAIM(peek_user(child, USER(ORIG_AX)) == SYS_getppid);
	CLAIM(peek_user(child, USER(AX)) == -ENOSYS);
	cont(PTRACE_SYSCALL, child, 0, "getppid ends");
	CLAIM(peek_user(child, USER(AX)) == getpid());
	CLAIM(peek_user(child, USER(ORIG_AX)) == SYS_getppid);
	call_info(child);
	cont(PTRACE_SYSCALL, child, 0, "close begins");
	CALL(peek_user(child, USER(FIRST)));
	cont(PTRACE_SYSCALL, child, 0, "close ends");
	CALL(peek_user(child, USER(AX)));
	call_info(child);
	cont(PTRACE_CONT, child, 0, "it ends");
}

static void changes(void)
{
	_exit(syscall(SYS_getppid) & 0x7f);
}

static void changed_calls(void)
{
	pid_t child = traced(changes);
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
	cont(PTRACE_SYSCALL, child, 0, "getppid begins");
	CALL(ptrace(PTRACE_POKEUSER, child, USER(ORIG_AX), -1));
	CALL(ptrace(PTRACE_POKEUSER, child, USER(AX), 55));
	cont(PTRACE_SYSCALL, child, 0, "no call ends");
	CALL(peek_user(child, USER(AX)));
	cont(PTRACE_CONT, child, 0, "its result was given");

	child = traced(changes);
	cont(PTRACE_SYSCALL, child, 0, "getppid begins");
	CALL(ptrace(PTRACE_POKEUSER, child, USER(ORIG_AX), SYS_close));
	CALL(ptrace(PTRACE_POKEUSER, child, USER(FIRST), 4321));
	cont(PTRACE_SYSCALL, child, 0, "close ends instead");
	CALL(peek_user(child, USER(AX)));
	CALL(ptrace(PTRACE_POKEUSER, child, USER(AX), 77));
	cont(PTRACE_CONT, child, 0, "its result was changed");

	child = traced(changes);
	cont(PTRACE_SYSEMU, child, 0, "getppid begins, and is not made");
	CALL(ptrace(PTRACE_POKEUSER, child, USER(AX), 33));
	cont(PTRACE_SYSEMU, child, 0, "exit_group begins");
	CALL(peek_user(child, USER(FIRST)));
	finish(child);

	child = traced(changes);
	cont(PTRACE_SYSCALL, child, 0, "getppid begins");
	cont(PTRACE_SYSCALL, child, SIGUSR1, "a signal at a call's begin");
	cont(PTRACE_SYSCALL, child, 0, "comes behind it");
	tell_info(child);
	finish(child);

	child = traced(changes);
	cont(PTRACE_SYSCALL, child, 0, "getppid begins");
	CALL(ptrace(PTRACE_DETACH, child, 0, 0));
	CLAIM(waitpid(child, 0, 0) == child);
}

static void on_signal(int signal) {}

static void sleeps(void)
{
	signal(SIGUSR1, on_signal);
	_exit(pause() == -1 && errno == EINTR ? 9 : 10);
}

static void restarts(void)
{
	pid_t child = traced(sleeps);
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
	cont(PTRACE_SYSCALL, child, 0, "a call begins");
	while (peek_user(child, USER(ORIG_AX)) !=
#ifdef SYS_pause
	       SYS_pause
#else
	       SYS_ppoll
#endif
	)
		if (ptrace(PTRACE_SYSCALL, child, 0, 0) || waitpid(child, 0, __WALL) != child)
			return;
	kill(child, SIGUSR2);
	cont(PTRACE_SYSCALL, child, 0, "pause ends by a signal");
	CALL(peek_user(child, USER(AX)));
	cont(PTRACE_SYSCALL, child, 0, "which comes");
	cont(PTRACE_SYSCALL, child, 0, "without it pause begins anew");
	CALL(peek_user(child, USER(AX)));
	kill(child, SIGUSR1);
	cont(PTRACE_SYSCALL, child, 0, "pause ends by a signal");
	cont(PTRACE_SYSCALL, child, 0, "which comes");
	cont(PTRACE_SYSCALL, child, SIGUSR1, "sigreturn begins");
	cont(PTRACE_SYSCALL, child, 0, "and ends");
	CALL(peek_user(child, USER(AX)));
	cont(PTRACE_CONT, child, 0, "it ends");
}

/* ---- steps */

extern char steps_begin[], steps_call[], steps_end[];
static void steps(void)
{
	asm volatile(".globl steps_begin, steps_call, steps_end\n"
		     "int3\nsteps_begin: nop\nnop\ninc %%eax\nmov %0, %%eax\n"
		     "steps_call: int $0x80\nsteps_end: nop\nnop"
		     : : "i"(20) : "eax", "memory");
	_exit(11);
}

static void stepping(void)
{
	pid_t child = traced(steps);
	cont(PTRACE_CONT, child, 0, "int3");
	tell_info(child);
	CLAIM(peek_user(child, USER(IP)) == (long)steps_begin);
	for (int i = 0; i < 7; i++) {
		cont(PTRACE_SINGLESTEP, child, 0, "a step");
		tell_info(child);
		printf("  at %ld, trap flag %d\n", peek_user(child, USER(IP)) - (long)steps_begin,
		       !!(peek_user(child, USER(eflags)) & 0x100));
	}
	CLAIM(peek_user(child, USER(AX)) == child);
	CALL(ptrace(PTRACE_POKEUSER, child, USER(IP), steps_begin));
	cont(PTRACE_SINGLESTEP, child, 0, "a step elsewhere");
	printf("  at %ld\n", peek_user(child, USER(IP)) - (long)steps_begin);
	cont(PTRACE_CONT, child, 0, "no more steps");
}

static void handles(void)
{
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	_exit(12);
}

static void step_into_handler(void)
{
	pid_t child = traced(handles);
	cont(PTRACE_CONT, child, 0, "a signal");
	cont(PTRACE_SINGLESTEP, child, SIGUSR1, "its handler");
	CLAIM(peek_user(child, USER(IP)) == (long)on_signal);
	tell_info(child);
	cont(PTRACE_SINGLESTEP, child, 0, "one instruction of it");
	CLAIM(peek_user(child, USER(IP)) != (long)on_signal);
	cont(PTRACE_CONT, child, 0, "it ends");
}

static void as_waitid_tells(void)
{
	siginfo_t info;
	pid_t child = traced(calls);
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
	ptrace(PTRACE_SYSCALL, child, 0, 0);
	CALL(waitid(P_PID, child, &info, WSTOPPED | WNOWAIT | __WALL));
	CLAIM(info.si_code == CLD_TRAPPED && info.si_status == (SIGTRAP | 0x80) && info.si_pid == child);
	CALL(waitid(P_PID, child, &info, WEXITED | __WALL));
	CLAIM(info.si_code == CLD_TRAPPED);
	CALL(waitid(P_PID, child, &info, WEXITED | WNOHANG | __WALL));
	CLAIM(info.si_pid == 0);
	finish(child);
}

int main(void)
{
	at_calls(0);
	at_calls(PTRACE_O_TRACESYSGOOD);
	changed_calls();
	restarts();
	stepping();
	step_into_handler();
	as_waitid_tells();
	return 0;
}
