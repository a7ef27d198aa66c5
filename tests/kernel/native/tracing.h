/* What the programs of claims about ptrace(2) share: children that are traced, and what wait tells. */
#include "claims.h"
#include <elf.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <linux/ptrace.h>

#define NOT_ALLOWED 77

#ifdef __x86_64__
#define AX rax
#define ORIG_AX orig_rax
#define IP rip
#define SP rsp
#define BX rbx
#define FIRST rdi
#else
#define AX eax
#define ORIG_AX orig_eax
#define IP eip
#define SP esp
#define BX ebx
#define FIRST ebx
#endif
#define USER(register) offsetof(struct user, regs.register)

static void tell(const char *what, int status)
{
	if (WIFEXITED(status))
		printf("%s: exits with %d\n", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		printf("%s: is killed by %d\n", what, WTERMSIG(status));
	else if (WIFSTOPPED(status))
		printf("%s: stops by %d, event %d\n", what, WSTOPSIG(status), status >> 16);
	else
		printf("%s: %x\n", what, status);
}

/* Waits for a tracee and says what became of it. */
static int await(pid_t pid, const char *what)
{
	int status = 0;
	if (waitpid(pid, &status, __WALL) != pid)
		printf("%s: no wait, %s\n", what, strerrorname_np(errno));
	else
		tell(what, status);
	return status;
}

/* A child that has stopped for its tracer, and then does `body`. */
static pid_t traced(void (*body)(void))
{
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(NOT_ALLOWED);
		raise(SIGSTOP);
		body();
		_exit(3);
	}
	int status = 0;
	if (waitpid(pid, &status, __WALL) != pid || WIFEXITED(status))
		exit(NOT_ALLOWED);
	tell("a traced child", status);
	return pid;
}

/* A child that nobody traces. */
static pid_t untraced(void (*body)(void))
{
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body();
		_exit(4);
	}
	return pid;
}

static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, 0, __WALL) == pid)
		;
}

static void tell_info(pid_t pid)
{
	siginfo_t info;
	memset(&info, 0, sizeof info);
	if (ptrace(PTRACE_GETSIGINFO, pid, 0, &info))
		printf("  no siginfo: %s\n", strerrorname_np(errno));
	else
		printf("  signal %d, code %d\n", info.si_signo, info.si_code);
}

static long message(pid_t pid)
{
	unsigned long value = 0;
	if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &value))
		return -1;
	return value;
}

static long peek_user(pid_t pid, long offset)
{
	errno = 0;
	return ptrace(PTRACE_PEEKUSER, pid, offset, 0);
}

static int cont(int request, pid_t pid, int signal, const char *what)
{
	if (ptrace(request, pid, 0, signal))
		printf("%s: cannot go on, %s\n", what, strerrorname_np(errno));
	return await(pid, what);
}

static void nothing(void) {}

static void forever(void)
{
	for (;;)
		pause();
}
