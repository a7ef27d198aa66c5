/* Signals without handlers: dispositions, masks, what is pending, alternate stacks. */
#include "claims.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>

struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long long mask;
};

static long action(int signal, void *new, void *old, long size)
{
	return syscall(SYS_rt_sigaction, signal, new, old, size);
}

static long mask(int how, void *new, void *old, long size)
{
	return syscall(SYS_rt_sigprocmask, how, new, old, size);
}

static void dispositions(void)
{
	struct kernel_action a = { SIG_IGN, 0, 0, 0x1234 }, old;

	CALL(action(0, &a, NULL, 8));
	CALL(action(65, &a, NULL, 8));
	CALL(action(SIGKILL, &a, NULL, 8));
	CALL(action(SIGKILL, NULL, &old, 8));
	CALL(action(SIGSTOP, &a, NULL, 8));
	CALL(action(SIGUSR1, &a, NULL, 4));
	CALL(action(SIGUSR1, (void *)8, NULL, 8));
	CALL(action(SIGUSR1, &a, &old, 8));
	CLAIM(old.handler == SIG_DFL);
	CALL(action(SIGUSR1, NULL, &old, 8));
	CLAIM(old.handler == SIG_IGN && old.mask == 0x1234 && old.flags == 0);
	CLAIM(signal(SIGUSR2, SIG_IGN) == SIG_DFL);
	CLAIM(signal(SIGUSR2, SIG_DFL) == SIG_IGN);
#ifdef __i386__
	unsigned o[4], n[4] = { (unsigned)SIG_IGN, 0xff, 0, 0 };
	CALL(syscall(SYS_sigaction, SIGUSR1, n, o));
	printf("%x %x\n", o[0], o[1]);
	CALL(syscall(SYS_sigaction, SIGUSR1, NULL, o));
	printf("%x %x\n", o[0], o[1]);
	CALL(syscall(SYS_signal, SIGUSR2, SIG_IGN));
	CALL(syscall(SYS_signal, SIGUSR2, SIG_DFL));
#endif
}

static void masks(void)
{
	unsigned long long m = ~0ULL, old = 0, one = 1ULL << (SIGUSR1 - 1);
	struct timespec none = { 0, 0 };

	CALL(mask(SIG_BLOCK, &m, NULL, 8));
	CALL(mask(SIG_BLOCK, NULL, &old, 8));
	printf("%llx\n", old);
	CALL(mask(SIG_UNBLOCK, &one, &old, 8));
	CALL(mask(77, NULL, &old, 8));
	printf("%llx\n", old);
	CALL(mask(77, &m, NULL, 8));
	CALL(mask(SIG_BLOCK, &m, NULL, 4));
	CALL(mask(SIG_BLOCK, NULL, (void *)8, 8));
	signal(SIGUSR1, SIG_IGN);
	mask(SIG_BLOCK, &one, NULL, 8);
	CALL(kill(getpid(), SIGUSR1));
	CALL(kill(getpid(), SIGTERM));
	CALL(syscall(SYS_rt_sigpending, &old, 8L));
	CLAIM(old & (1ULL << (SIGTERM - 1)));
	CALL(syscall(SYS_rt_sigpending, &old, 9L));
	signal(SIGTERM, SIG_IGN);
	CALL(syscall(SYS_rt_sigpending, &old, 8L));
	CLAIM(old & (1ULL << (SIGTERM - 1)));
	signal(SIGTERM, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	CALL(syscall(SYS_tkill, getpid(), SIGUSR2));
	one = 1ULL << (SIGUSR2 - 1);
	CALL(syscall(SYS_rt_sigtimedwait, &one, NULL, &none, 8L));
	CALL(syscall(SYS_rt_sigtimedwait, &one, NULL, &none, 8L));
	m = 0;
	CALL(mask(SIG_SETMASK, &m, NULL, 8));
#ifdef __i386__
	unsigned small = 0xff, before = 7;
	CALL(syscall(SYS_sigprocmask, SIG_BLOCK, &small, &before));
	CALL(syscall(SYS_sigprocmask, SIG_BLOCK, NULL, &before));
	printf("%x\n", before);
	small = 0;
	CALL(syscall(SYS_sigprocmask, SIG_SETMASK, &small, &before));
#endif
}

static void sending(void)
{
	CALL(kill(getpid(), 0));
	CALL(kill(getpid(), 65));
	CALL(kill(getpid(), -1));
	CALL(kill(12345678, 0));
	CALL(syscall(SYS_tgkill, getpid(), getpid(), 0));
	CALL(syscall(SYS_tgkill, 0, getpid(), 0));
	CALL(syscall(SYS_tgkill, 12345678, getpid(), 0));
	CALL(syscall(SYS_tkill, -1, 0));
	CALL(syscall(SYS_tkill, 12345678, 0));
	CALL(kill(getpid(), SIGCHLD));
	CALL(kill(getpid(), SIGWINCH));
	CALL(kill(getpid(), SIGCONT));
}

static void stacks(void)
{
	static char area[8192];
	stack_t s = { .ss_sp = area, .ss_flags = 0, .ss_size = 100 }, old;

	CALL(sigaltstack(NULL, &old));
	CLAIM(old.ss_flags == SS_DISABLE && old.ss_size == 0);
	CALL(sigaltstack(&s, NULL));
	s.ss_size = sizeof area;
	s.ss_flags = 64;
	CALL(sigaltstack(&s, NULL));
	s.ss_flags = 0;
	CALL(sigaltstack(&s, &old));
	CALL(sigaltstack(NULL, &old));
	CLAIM(old.ss_sp == area && old.ss_size == sizeof area && old.ss_flags == 0);
	s.ss_flags = SS_DISABLE;
	CALL(sigaltstack(&s, NULL));
	CALL(sigaltstack((void *)8, NULL));
	CALL(sigaltstack(NULL, &old));
	CLAIM(old.ss_flags == SS_DISABLE);
}

int main(int argc, char **argv)
{
	if (argc > 1) { /* an end by a signal */
		raise(atoi(argv[1]));
		puts("still here");
		return 3;
	}
	dispositions();
	masks();
	sending();
	stacks();
	return 0;
}
