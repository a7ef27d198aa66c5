/* clone(2) and clone3(2): each flag, what goes together, what is refused, and what the child gets. */
#include "claims.h"
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

static volatile int *shared;
static volatile int heard;
static siginfo_t last;

static void handler(int signal, siginfo_t *info, void *context)
{
	last = *info;
	heard++;
}

/* The arguments of both ABIs, in one order. A child ends at once with status 3. */
static long raw(unsigned long flags, void *stack, void *parent, void *child, unsigned long tls)
{
	long pid;

#ifdef __i386__
	pid = syscall(SYS_clone, flags, stack, parent, tls, child);
#else
	pid = syscall(SYS_clone, flags, stack, parent, child, tls);
#endif
	if (!pid)
		_exit(3);
	return pid;
}

static long raw3(struct clone_args *args, size_t size)
{
	long pid = syscall(SYS_clone3, args, size);

	if (!pid)
		_exit(4);
	return pid;
}

/* 1: a child was made, and has ended as it should. */
static long made(long pid)
{
	int status = -1;

	if (pid < 0)
		return pid;
	if (waitpid(pid, &status, __WALL) != pid)
		return -2;
	return WIFEXITED(status) && (WEXITSTATUS(status) == 3 || WEXITSTATUS(status) == 4);
}

#define CLONE(flags) CALL(made(raw(flags, NULL, NULL, NULL, 0)))
#define CLONE3(...) do { struct clone_args a = { __VA_ARGS__ }; \
	errno = 0; show("clone3 " #__VA_ARGS__, made(raw3(&a, sizeof a))); } while (0)

static void combinations(void)
{
	CLONE(0);
	CLONE(SIGCHLD);
	CLONE(SIGUSR1);
	CLONE(64);
	CLONE(65);
	CLONE(255);
	CLONE(CLONE_SIGHAND | SIGCHLD);
	CLONE(CLONE_THREAD | SIGCHLD);
	CLONE(CLONE_THREAD | CLONE_SIGHAND | SIGCHLD);
	CLONE(CLONE_THREAD | CLONE_VM | SIGCHLD);
	CLONE(CLONE_FS | CLONE_NEWNS | SIGCHLD);
	CLONE(CLONE_FS | CLONE_NEWUSER | SIGCHLD);
	CLONE(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWUSER);
	CLONE(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWPID);
	CLONE(CLONE_FS | SIGCHLD);
	CLONE(CLONE_FILES | SIGCHLD);
	CLONE(CLONE_SYSVSEM | SIGCHLD);
	CLONE(CLONE_IO | SIGCHLD);
	CLONE(CLONE_UNTRACED | SIGCHLD);
	CLONE(CLONE_PTRACE | SIGCHLD);
	CLONE(CLONE_DETACHED | SIGCHLD);
	CLONE(CLONE_PIDFD | CLONE_DETACHED | SIGCHLD);
	CLONE(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD);
	CLONE(CLONE_PIDFD | SIGCHLD);
	CLONE(CLONE_VFORK | SIGCHLD);
	CLONE(CLONE_PARENT_SETTID | SIGCHLD);
	CLONE(CLONE_CHILD_SETTID | SIGCHLD);
	CLONE(CLONE_CHILD_CLEARTID | SIGCHLD);
#ifdef __i386__
	CLONE(CLONE_SETTLS | SIGCHLD);
#endif
}

static void versions(void)
{
	struct { struct clone_args a; char rest[5000]; } large = { .a = { .exit_signal = SIGCHLD } };

	CALL(made(raw3(&large.a, 0)));
	CALL(made(raw3(&large.a, CLONE_ARGS_SIZE_VER0 - 1)));
	CALL(made(raw3(&large.a, CLONE_ARGS_SIZE_VER0)));
	CALL(made(raw3(&large.a, CLONE_ARGS_SIZE_VER0 + 8)));
	CALL(made(raw3(&large.a, CLONE_ARGS_SIZE_VER1)));
	CALL(made(raw3(&large.a, CLONE_ARGS_SIZE_VER2)));
	CALL(made(raw3(&large.a, 4096)));
	CALL(made(raw3(&large.a, 4097)));
	large.rest[7] = 1;
	CALL(made(raw3(&large.a, 4096)));
	CALL(made(raw3((void *)8, sizeof large.a)));
	CALL(made(raw3(NULL, sizeof large.a)));
}

static void arguments(void)
{
	pid_t ids[3] = { 1, 0, -1 };
	static char stack[65536];
	int pidfd = -1;

	CLONE3(.exit_signal = 0);
	CLONE3(.exit_signal = SIGCHLD);
	CLONE3(.exit_signal = SIGUSR1);
	CLONE3(.exit_signal = 64);
	CLONE3(.exit_signal = 65);
	CLONE3(.exit_signal = 256);
	CLONE3(.exit_signal = 1ull << 32);
	CLONE3(.flags = SIGCHLD);
	CLONE3(.flags = CLONE_DETACHED);
	CLONE3(.flags = 1ull << 34);
	CLONE3(.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, .exit_signal = SIGCHLD);
	CLONE3(.flags = CLONE_PARENT, .exit_signal = SIGCHLD);
	CLONE3(.stack = (uintptr_t)stack);
	CLONE3(.stack_size = 4096);
	CLONE3(.stack = ~0ull - 100, .stack_size = 4096);
	CLONE3(.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND);
	CLONE3(.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD);
	CLONE3(.flags = CLONE_FS | CLONE_NEWNS);
	CLONE3(.flags = CLONE_PIDFD, .exit_signal = SIGCHLD);
	CLONE3(.flags = CLONE_PIDFD, .pidfd = 8, .exit_signal = SIGCHLD);
	CLONE3(.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD);
	CALL(pidfd);
	CALL(close(pidfd));
	CLONE3(.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&pidfd,
	       .parent_tid = (uintptr_t)&pidfd, .exit_signal = SIGCHLD);
	CLONE3(.set_tid = (uintptr_t)ids);
	CLONE3(.set_tid_size = 1);
	CLONE3(.set_tid = (uintptr_t)ids, .set_tid_size = 33);
	CLONE3(.set_tid = 8, .set_tid_size = 1);
	CLONE3(.set_tid = (uintptr_t)ids, .set_tid_size = 2);
	CLONE3(.set_tid = (uintptr_t)&ids[1], .set_tid_size = 1);
	CLONE3(.set_tid = (uintptr_t)&ids[2], .set_tid_size = 1);
	CLONE3(.set_tid = (uintptr_t)ids, .set_tid_size = 1, .exit_signal = SIGCHLD);
	CLONE3(.flags = CLONE_INTO_CGROUP, .cgroup = 999);
	CLONE3(.flags = CLONE_INTO_CGROUP, .cgroup = 1ull << 32);
	CLONE3(.flags = CLONE_INTO_CGROUP, .cgroup = 0);
}

/* What the words say that the kernel writes, and whether the child sees them. */
static void words(void)
{
	int parent = 0, child = 0, pidfd = -1;
	long pid;
	struct clone_args a = { .flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
		.parent_tid = (uintptr_t)&parent, .child_tid = (uintptr_t)&child };

	pid = syscall(SYS_clone3, &a, sizeof a);
	if (!pid)
		_exit(child == getpid() && parent == getpid() ? 3 : 5);
	CLAIM(parent == pid && !child);
	CALL(made(pid));
	parent = 0;
	a.flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	a.child_tid = (uintptr_t)&shared[0];
	pid = syscall(SYS_clone3, &a, sizeof a);
	if (!pid)
		_exit(shared[0] == getpid() ? 3 : 5);
	CALL(made(pid));
	CLAIM(parent == pid && shared[0] == pid); /* nobody shares the memory: not cleared */
	a.child_tid = a.parent_tid = 8;
	CALL(made(raw3(&a, sizeof a)));
	pidfd = -1;
	pid = raw(CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
	CALL(pidfd);
	CALL(made(pid));
	CALL(close(pidfd));
	CALL(made(raw(CLONE_PIDFD | SIGCHLD, NULL, (void *)8, NULL, 0)));
}

/* The signal at a child's end, who waits for it, and whose child it is. */
static void ends(void)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
	int status;
	long pid;

	sigaction(SIGUSR1, &a, NULL);
	sigaction(SIGCHLD, &a, NULL);
	sigaction(SIGRTMIN, &a, NULL);
	heard = 0;
	CLONE(0);
	CALL(heard);
	pid = raw(SIGUSR1, NULL, NULL, NULL, 0);
	while (!heard)
		sched_yield();
	CLAIM(last.si_signo == SIGUSR1 && last.si_pid == pid);
	CALL(last.si_code);
	CALL(last.si_status);
	CALL(waitpid(pid, &status, WNOHANG));
	CALL(waitpid(-1, &status, 0));
	CLAIM(waitpid(pid, &status, __WCLONE) == pid);
	CALL(status);
	heard = 0;
	pid = raw(SIGCHLD, NULL, NULL, NULL, 0);
	CALL(waitpid(pid, &status, __WCLONE));
	while (!heard)
		sched_yield();
	CLAIM(waitpid(pid, &status, __WALL) == pid);
	heard = 0;
	pid = raw(SIGRTMIN, NULL, NULL, NULL, 0);
	while (!heard)
		sched_yield();
	CLAIM(last.si_signo == SIGRTMIN && last.si_pid == pid && last.si_code == CLD_EXITED);
	CLAIM(waitpid(-1, &status, __WALL) == pid);
	heard = 0;
	signal(SIGCHLD, SIG_IGN);
	pid = raw(0, NULL, NULL, NULL, 0);
	CLAIM(waitpid(pid, &status, __WCLONE) == pid); /* only SIGCHLD's are forgotten */
	pid = raw(SIGCHLD, NULL, NULL, NULL, 0);
	CALL(waitpid(pid, &status, __WALL));
	signal(SIGCHLD, SIG_DFL);
}

/* CLONE_PARENT: a brother, who tells the common parent by the signal that its maker has. */
static void brothers(void)
{
	int status;
	pid_t pid, brother;

	shared[1] = 0;
	fflush(stdout);
	pid = raw(SIGCHLD, NULL, NULL, NULL, 0);
	made(pid);
	pid = fork();
	if (!pid) {
		brother = raw(CLONE_PARENT | SIGUSR2, NULL, NULL, NULL, 0);
		shared[1] = brother;
		CALL(waitpid(brother, &status, __WALL));
		_exit(fflush(stdout) ? 1 : 6);
	}
	CLAIM(waitpid(pid, &status, 0) == pid);
	CALL(status);
	CLAIM(waitpid(shared[1], &status, 0) == shared[1]);
	CALL(status);
	fflush(stdout);
	if (!(pid = fork())) {
		struct clone_args a = { .flags = CLONE_PARENT };

		shared[1] = raw3(&a, sizeof a);
		_exit(7);
	}
	waitpid(pid, &status, 0);
	CALL(status);
	CLAIM(waitpid(shared[1], &status, 0) == shared[1]);
	CALL(status);
}

static void dispositions(void)
{
	struct clone_args a = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO }, now;
	int status;
	long pid;

	sigaction(SIGUSR1, &action, NULL);
	signal(SIGUSR2, SIG_IGN);
	fflush(stdout);
	pid = syscall(SYS_clone3, &a, sizeof a);
	if (!pid) {
		sigaction(SIGUSR1, NULL, &now);
		CLAIM(now.sa_handler == SIG_DFL);
		sigaction(SIGUSR2, NULL, &now);
		CLAIM(now.sa_handler == SIG_IGN);
		_exit(fflush(stdout));
	}
	waitpid(pid, &status, 0);
	sigaction(SIGUSR1, NULL, &now);
	CLAIM(now.sa_sigaction == handler);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	signal(64, SIG_IGN);
	combinations();
	versions();
	arguments();
	words();
	ends();
	brothers();
	dispositions();
	return 0;
}
