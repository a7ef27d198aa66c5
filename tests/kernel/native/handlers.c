/* Handlers: what they are given, which stack and mask they have, in which order signals arrive. */
#include "claims.h"
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/select.h>
#include <time.h>
#include <ucontext.h>

static char order[100];
static int seen;
static siginfo_t last;
static ucontext_t *context;
static stack_t stack_seen;
static sigset_t mask_inside;
static char area[65536], second[65536];

static void note(int signal)
{
	order[seen++] = signal >= SIGRTMIN ? 'A' + signal - SIGRTMIN : 'a' + signal;
	order[seen] = 0;
}

static void forget(void)
{
	seen = 0;
	order[0] = 0;
}

static void plain(int signal)
{
	note(signal);
	sigprocmask(0, NULL, &mask_inside);
}

static void full(int signal, siginfo_t *info, void *uc)
{
	note(signal);
	last = *info;
	context = uc;
	sigprocmask(0, NULL, &mask_inside);
	sigaltstack(NULL, &stack_seen);
}

static void install(int signal, void *handler, int flags, int also)
{
	struct sigaction a = { .sa_flags = flags };

	a.sa_sigaction = handler;
	sigemptyset(&a.sa_mask);
	if (also)
		sigaddset(&a.sa_mask, also);
	sigaction(signal, &a, NULL);
}

static void block(int how, int a, int b, int c)
{
	sigset_t set;
	int all[3] = { a, b, c };

	sigemptyset(&set);
	for (int i = 0; i < 3; i++)
		if (all[i])
			sigaddset(&set, all[i]);
	sigprocmask(how, &set, NULL);
}

static void arguments(void)
{
	union sigval value = { .sival_int = 77 };

	install(SIGUSR1, full, SA_SIGINFO, 0);
	kill(getpid(), SIGUSR1);
	printf("%s %d %d\n", order, last.si_signo, last.si_code);
	CLAIM(last.si_pid == getpid() && last.si_uid == getuid() && last.si_errno == 0);
	raise(SIGUSR1);
	CLAIM(last.si_code == SI_TKILL && last.si_pid == getpid());
	CALL(sigqueue(getpid(), SIGUSR1, value));
	CLAIM(last.si_code == SI_QUEUE && last.si_value.sival_int == 77);
	CLAIM(sigismember(&mask_inside, SIGUSR1) && !sigismember(&mask_inside, SIGUSR2));
	install(SIGUSR1, full, SA_SIGINFO | SA_NODEFER, SIGUSR2);
	raise(SIGUSR1);
	CLAIM(!sigismember(&mask_inside, SIGUSR1) && sigismember(&mask_inside, SIGUSR2));
	CLAIM(!sigismember(&context->uc_sigmask, SIGUSR2));
	sigprocmask(0, NULL, &mask_inside);
	CLAIM(!sigismember(&mask_inside, SIGUSR1) && !sigismember(&mask_inside, SIGUSR2));
	install(SIGUSR1, plain, SA_RESETHAND, 0);
	raise(SIGUSR1);
	CLAIM(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
	forget();
	raise(SIGUSR1);
	printf("ignored: '%s'\n", order);
	siginfo_t own = { .si_signo = SIGUSR2, .si_code = -5 };
	install(SIGUSR2, full, SA_SIGINFO, 0);
	CALL(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR2, &own));
	CLAIM(last.si_code == -5);
	own.si_code = 5;
	CALL(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR2, &own));
	CLAIM(last.si_code == 5);
	CALL(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &own));
	own.si_code = SI_TKILL;
	CALL(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &own));
	own.si_code = -60;
	CALL(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR2, &own));
	CALL(syscall(SYS_rt_tgsigqueueinfo, 0, getpid(), SIGUSR2, &own));
	CALL(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), 65, &own));
	CALL(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &own));
	CALL(syscall(SYS_rt_sigqueueinfo, 12345678, SIGUSR2, &own));
	CALL(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR2, 8));
}

/* Standard signals by number, once each; real-time ones by number, in the order of sending. */
static void orders(void)
{
	union sigval value;
	siginfo_t info;
	sigset_t set;
	struct timespec none = { 0, 0 };

	for (int i = 0; i < 3; i++)
		install(SIGRTMIN + i, full, SA_SIGINFO, 0);
	install(SIGUSR1, plain, 0, 0);
	install(SIGUSR2, plain, 0, 0);
	install(SIGTERM, plain, 0, 0);
	block(SIG_BLOCK, SIGRTMIN, SIGRTMIN + 1, SIGRTMIN + 2);
	block(SIG_BLOCK, SIGUSR1, SIGUSR2, SIGTERM);
	forget();
	for (int i = 0; i < 3; i++) {
		value.sival_int = 10 + i;
		sigqueue(getpid(), SIGRTMIN + 1, value);
	}
	kill(getpid(), SIGRTMIN);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	sigpending(&set);
	CLAIM(sigismember(&set, SIGUSR1) && sigismember(&set, SIGRTMIN + 1));
	CLAIM(!sigismember(&set, SIGRTMIN + 2));
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	CALL(sigtimedwait(&set, &info, &none) - SIGRTMIN);
	printf("%d %d\n", info.si_value.sival_int, info.si_code);
	CALL(sigwaitinfo(&set, &info) - SIGRTMIN);
	printf("%d\n", info.si_value.sival_int);
	block(SIG_UNBLOCK, SIGRTMIN, SIGRTMIN + 1, SIGRTMIN + 2);
	printf("real-time: %s, value %d\n", order, last.si_value.sival_int);
	forget();
	block(SIG_UNBLOCK, SIGUSR1, SIGUSR2, SIGTERM);
	printf("standard: %s\n", order);
	CALL(sigtimedwait(&set, &info, &none));
	none.tv_nsec = 1000000000;
	CALL(sigtimedwait(&set, &info, &none));
	/* One that handlers block reaches them one after the other: the last runs first. */
	install(SIGUSR1, plain, 0, SIGUSR2);
	forget();
	block(SIG_BLOCK, SIGUSR1, SIGUSR2, 0);
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR1);
	block(SIG_UNBLOCK, SIGUSR1, SIGUSR2, 0);
	printf("masked: %s\n", order);
	/* To the thread and to the process: the thread's own first. */
	forget();
	install(SIGUSR1, full, SA_SIGINFO, 0);
	block(SIG_BLOCK, SIGUSR1, 0, 0);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	none.tv_nsec = 0;
	CALL(sigtimedwait(&set, &info, &none));
	printf("%d\n", info.si_code);
	CALL(sigtimedwait(&set, &info, &none));
	printf("%d\n", info.si_code);
	block(SIG_UNBLOCK, SIGUSR1, 0, 0);
}

static sigjmp_buf back;
static volatile int jumped_on_stack;

static void jump(int signal)
{
	stack_t s;

	sigaltstack(NULL, &s);
	jumped_on_stack = s.ss_flags;
	siglongjmp(back, signal);
}

static void change_stack(int signal, siginfo_t *info, void *uc)
{
	stack_t s = { .ss_sp = second, .ss_size = sizeof second };

	full(signal, info, uc);
	CALL(sigaltstack(&s, NULL));
	printf("%d\n", ((ucontext_t *)uc)->uc_stack.ss_flags);
}

static void nested(int signal, siginfo_t *info, void *uc)
{
	char here;

	CLAIM(&here > area && &here < area + sizeof area);
	full(signal, info, uc);
	if (signal == SIGUSR1)
		raise(SIGUSR2);
}

static void stacks(void)
{
	stack_t s = { .ss_sp = area, .ss_size = sizeof area }, old;
	int mode;

	forget();
	CALL(sigaltstack(&s, NULL));
	install(SIGUSR1, full, SA_SIGINFO, 0);
	raise(SIGUSR1);
	printf("%d\n", stack_seen.ss_flags);
	CLAIM((char *)context < area || (char *)context > area + sizeof area);
	install(SIGUSR1, nested, SA_SIGINFO | SA_ONSTACK, 0);
	install(SIGUSR2, nested, SA_SIGINFO | SA_ONSTACK, 0);
	raise(SIGUSR1);
	printf("%s %d\n", order, stack_seen.ss_flags);
	CLAIM(context->uc_stack.ss_sp == area && context->uc_stack.ss_size == sizeof area);
	install(SIGUSR1, change_stack, SA_SIGINFO | SA_ONSTACK, 0);
	raise(SIGUSR1);
	CALL(sigaltstack(NULL, &old));
	CLAIM(old.ss_sp == area && old.ss_flags == 0);
	s.ss_flags = 1U << 31; /* SS_AUTODISARM */
	CALL(sigaltstack(&s, NULL));
	CALL(sigaltstack(NULL, &old));
	printf("%x\n", old.ss_flags);
	raise(SIGUSR1);
	CLAIM(stack_seen.ss_flags == SS_DISABLE && stack_seen.ss_sp == NULL && !stack_seen.ss_size);
	CALL(sigaltstack(NULL, &old));
	printf("%x\n", old.ss_flags);
	CLAIM(old.ss_sp == area && old.ss_size == sizeof area);
	s.ss_flags = SS_ONSTACK;
	CALL(sigaltstack(&s, NULL));
	CALL(sigaltstack(NULL, &old));
	printf("%x\n", old.ss_flags);
	install(SIGUSR1, jump, SA_ONSTACK, 0);
	mode = sigsetjmp(back, 1);
	if (!mode)
		raise(SIGUSR1);
	printf("out by a jump, %d %d\n", mode, jumped_on_stack);
	sigprocmask(0, NULL, &mask_inside);
	CLAIM(!sigismember(&mask_inside, SIGUSR1));
	CALL(sigaltstack(NULL, &old));
	printf("%x\n", old.ss_flags);
	mode = sigsetjmp(back, 0);
	if (!mode)
		raise(SIGUSR1);
	sigprocmask(0, NULL, &mask_inside);
	CLAIM(sigismember(&mask_inside, SIGUSR1));
	block(SIG_UNBLOCK, SIGUSR1, 0, 0);
	s.ss_flags = SS_DISABLE;
	sigaltstack(&s, NULL);
}

/* The mask that holds while a call waits, and which is restored behind the handler. */
static void suspended(void)
{
	sigset_t none, set;
	struct timespec soon = { 0, 1000000 };

	forget();
	sigemptyset(&none);
	install(SIGUSR1, full, SA_SIGINFO, 0);
	install(SIGUSR2, plain, 0, 0);
	block(SIG_BLOCK, SIGUSR1, SIGUSR2, 0);
	raise(SIGUSR1);
	CALL(sigsuspend(&none));
	CLAIM(sigismember(&context->uc_sigmask, SIGUSR1));
	sigprocmask(0, NULL, &set);
	CLAIM(sigismember(&set, SIGUSR1) && sigismember(&set, SIGUSR2));
	CLAIM(!sigismember(&mask_inside, SIGUSR2) && sigismember(&mask_inside, SIGUSR1));
	raise(SIGUSR1);
	raise(SIGUSR2);
	CALL(ppoll(NULL, 0, NULL, &none));
	printf("%s\n", order);
	CALL(ppoll(NULL, 0, &soon, &none));
	raise(SIGUSR2);
	CALL(pselect(0, NULL, NULL, NULL, NULL, &none));
	printf("%s\n", order);
	sigprocmask(0, NULL, &set);
	CLAIM(sigismember(&set, SIGUSR1) && sigismember(&set, SIGUSR2));
	/* One that is ready does not look at signals that a mask would let through. */
	int ends[2];
	pipe(ends);
	write(ends[1], "x", 1);
	struct pollfd p = { ends[0], POLLIN };
	raise(SIGUSR2);
	CALL(ppoll(&p, 1, NULL, &none));
	printf("%s\n", order);
	sigpending(&set);
	CLAIM(sigismember(&set, SIGUSR2));
	block(SIG_UNBLOCK, SIGUSR1, SIGUSR2, 0);
	printf("%s\n", order);
}

int main(void)
{
	arguments();
	orders();
	stacks();
	suspended();
	return 0;
}
