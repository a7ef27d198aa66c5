/* Requests of ptrace(2): who may ask, what is refused, signals on their way, memory. */
#include "tracing.h"
#include <fcntl.h>

static volatile int handled;
static volatile long secret = 1234567;
static const volatile long fixed = 7654321;

static void on_signal(int signal) { handled = handled * 100 + signal; }

static void raises(void)
{
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	signal(SIGTERM, SIG_IGN);
	raise(SIGUSR1);
	raise(SIGTERM);
	kill(getpid(), SIGUSR2);
	_exit(handled);
}

static void of_nobody(void)
{
	static const int requests[] = {
		PTRACE_PEEKDATA, PTRACE_POKEDATA, PTRACE_PEEKUSER, PTRACE_CONT, PTRACE_KILL,
		PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SYSCALL,
		PTRACE_SETOPTIONS, PTRACE_GETSIGINFO, PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_LISTEN,
	};
	pid_t child = untraced(forever);
	for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++) {
		printf("request %x: ", requests[i]);
		CALL(syscall(SYS_ptrace, requests[i], 0x3ffff0, 0, 0));
		if (requests[i] != PTRACE_ATTACH && requests[i] != PTRACE_SEIZE)
			CALL(syscall(SYS_ptrace, requests[i], child, 0, 0));
	}
	CALL(syscall(SYS_ptrace, 0x7777, child, 0, 0));
	CALL(ptrace(PTRACE_ATTACH, getpid(), 0, 0));
	CALL(ptrace(PTRACE_SEIZE, getpid(), 0, 0));
	CALL(ptrace(PTRACE_SEIZE, child, 1, 0));
	CALL(ptrace(PTRACE_SEIZE, child, 0, 1 << 22));
	CALL(ptrace(PTRACE_ATTACH, 0, 0, 0));
	finish(child);
}

static void refused(void)
{
	pid_t child = traced(nothing);
	unsigned long word;
	unsigned long long mask;
	struct iovec vector = {&word, 3};
	struct user_regs_struct regs;
	CALL(ptrace(PTRACE_ATTACH, child, 0, 0));
	CALL(ptrace(PTRACE_SEIZE, child, 0, 0));
	CALL(syscall(SYS_ptrace, 0x7777, child, 0, 0));
	CALL(syscall(SYS_ptrace, PTRACE_CONT, child, 0, 65));
	CALL(syscall(SYS_ptrace, PTRACE_CONT, child, 0, -1L));
	CALL(syscall(SYS_ptrace, PTRACE_DETACH, child, 0, 65));
	CALL(ptrace(PTRACE_SETOPTIONS, child, 0, 1 << 8));
	CALL(ptrace(PTRACE_SETOPTIONS, child, 0, 0xff));
	CALL(ptrace(PTRACE_SETOPTIONS, child, 0, 0));
	CALL(ptrace(PTRACE_INTERRUPT, child, 0, 0));
	CALL(ptrace(PTRACE_LISTEN, child, 0, 0));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKDATA, child, 0, &word));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKDATA, child, &secret, 0));
	CALL(ptrace(PTRACE_POKEDATA, child, 16, 0));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKUSER, child, 1, &word));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKUSER, child, sizeof(struct user), &word));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKUSER, child, sizeof(struct user) - sizeof word, &word));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKUSER, child, offsetof(struct user, u_tsize), &word));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKUSER, child, -8L, &word));
	CALL(ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_tsize), 5));
	CALL(ptrace(PTRACE_POKEUSER, child, 2, 5));
	CALL(ptrace(PTRACE_GETREGS, child, 0, 8));
	CALL(ptrace(PTRACE_SETREGS, child, 0, 8));
	CALL(ptrace(PTRACE_GETREGSET, child, 12345, &vector));
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &vector));
	CALL(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, 0));
	CALL(ptrace(PTRACE_GETSIGMASK, child, 4, &mask));
	CALL(ptrace(PTRACE_GETSIGMASK, child, 8, &mask));
	CALL(ptrace(PTRACE_SETSIGMASK, child, 7, &mask));
	CALL(ptrace(PTRACE_GETSIGINFO, child, 0, 8));
	CALL(ptrace(PTRACE_GETEVENTMSG, child, 0, 8));
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "after all that");
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
}

static void signals(void)
{
	pid_t child = traced(raises);
	tell_info(child);
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "SIGUSR1 comes");
	tell_info(child);
	CALL(waitpid(child, 0, WNOHANG | __WALL));
	CALL(ptrace(PTRACE_CONT, child, 0, SIGUSR1));
	await(child, "an ignored one comes");
	tell_info(child);
	CALL(ptrace(PTRACE_CONT, child, 0, SIGTERM));
	await(child, "SIGUSR2 comes");
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "it was taken away");

	child = traced(raises);
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "SIGUSR1 comes");
	CALL(ptrace(PTRACE_CONT, child, 0, SIGUSR2));
	await(child, "another one instead");
	CALL(ptrace(PTRACE_CONT, child, 0, SIGQUIT));
	await(child, "its default");

	child = traced(raises);
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "SIGUSR1 comes");
	kill(child, SIGKILL);
	await(child, "no stop by SIGKILL");

	child = traced(nothing);
	CALL(ptrace(PTRACE_KILL, child, 0, 0));
	await(child, "PTRACE_KILL");
	child = traced(nothing);
	CALL(ptrace(PTRACE_DETACH, child, 0, SIGUSR1));
	await(child, "a signal at the parting");
}

static void with_value(void)
{
	siginfo_t info;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	raise(SIGTRAP);
	sigwaitinfo(&set, &info);
	_exit(info.si_value.sival_int);
}

static void caught(int signal, siginfo_t *info, void *context)
{
	_exit(signal == SIGUSR2 ? info->si_value.sival_int : 99);
}

static void takes_value(void)
{
	struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
	sigaction(SIGUSR2, &action, 0);
	raise(SIGUSR2);
}

static void infos_and_masks(void)
{
	pid_t child = traced(with_value);
	unsigned long long mask = 0;
	struct __ptrace_peeksiginfo_args which = {0, 0, 5};
	siginfo_t infos[5], info;
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "with blocked signals");
	CALL(ptrace(PTRACE_GETSIGMASK, child, 8, &mask));
	CLAIM(mask == (1ull << (SIGRTMIN - 1) | 1ull << (SIGUSR1 - 1)));
	CALL(ptrace(PTRACE_PEEKSIGINFO, child, &which, infos));
	sigqueue(child, SIGRTMIN, (union sigval){.sival_int = 41});
	sigqueue(child, SIGRTMIN, (union sigval){.sival_int = 42});
	CALL(ptrace(PTRACE_PEEKSIGINFO, child, &which, infos));
	which.flags = PTRACE_PEEKSIGINFO_SHARED;
	CALL(ptrace(PTRACE_PEEKSIGINFO, child, &which, infos));
	CLAIM(infos[0].si_value.sival_int == 41 && infos[1].si_value.sival_int == 42);
	CLAIM(infos[1].si_signo == SIGRTMIN && infos[1].si_code == SI_QUEUE);
	which.off = 1;
	CALL(ptrace(PTRACE_PEEKSIGINFO, child, &which, infos));
	CLAIM(infos[0].si_value.sival_int == 42);
	which.flags = 2;
	CALL(ptrace(PTRACE_PEEKSIGINFO, child, &which, infos));
	mask = ~0ull;
	CALL(ptrace(PTRACE_SETSIGMASK, child, 8, &mask));
	CALL(ptrace(PTRACE_GETSIGMASK, child, 8, &mask));
	CLAIM(!(mask & (1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1))));
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "it takes the first");

	child = traced(takes_value);
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "SIGUSR2 comes");
	CALL(ptrace(PTRACE_GETSIGINFO, child, 0, &info));
	CLAIM(info.si_code == SI_TKILL && info.si_pid == child);
	info.si_code = SI_QUEUE;
	info.si_value.sival_int = 55;
	CALL(ptrace(PTRACE_SETSIGINFO, child, 0, &info));
	CALL(ptrace(PTRACE_CONT, child, 0, SIGUSR2));
	await(child, "a value from its tracer");
}

static void tells_secret(void) { _exit(secret & 0x7f); }

static void memory(void)
{
	pid_t child = traced(tells_secret);
	char name[64];
	long word = 0;
	CLAIM(ptrace(PTRACE_PEEKDATA, child, &secret, 0) == 1234567);
	CLAIM(ptrace(PTRACE_PEEKTEXT, child, &fixed, 0) == 7654321);
	CALL(ptrace(PTRACE_POKEDATA, child, &fixed, 11));
	CLAIM(ptrace(PTRACE_PEEKDATA, child, &fixed, 0) == 11 && fixed == 7654321);
	CALL(ptrace(PTRACE_POKETEXT, child, &nothing, 0x9090));
	CLAIM((ptrace(PTRACE_PEEKTEXT, child, &nothing, 0) & 0xffff) == 0x9090);
	CLAIM(*(volatile unsigned short *)&nothing != 0x9090);
	struct iovec here = {&word, sizeof word}, there = {(void *)&secret, sizeof secret};
	CLAIM(process_vm_readv(child, &here, 1, &there, 1, 0) == sizeof word && word == 1234567);
	word = 66;
	CLAIM(process_vm_writev(child, &here, 1, &there, 1, 0) == sizeof word);
	there.iov_base = (void *)&fixed;
	CALL(process_vm_writev(child, &here, 1, &there, 1, 0));
	there.iov_base = (void *)64;
	CALL(process_vm_readv(child, &here, 1, &there, 1, 0));
	CALL(process_vm_readv(child, &here, 1, &there, 1, 1));
	CALL(process_vm_readv(0x3ffff0, &here, 1, &there, 1, 0));
	CALL(process_vm_readv(child, &here, 0, &there, 1, 0));
	snprintf(name, sizeof name, "/proc/%d/mem", child);
	int mem = open(name, O_RDWR);
	CLAIM(mem >= 0);
	CLAIM(pread(mem, &word, sizeof word, (long)&secret) == sizeof word && word == 66);
	word = 22;
	CLAIM(pwrite(mem, &word, sizeof word, (long)&fixed) == sizeof word);
	CLAIM(ptrace(PTRACE_PEEKDATA, child, &fixed, 0) == 22);
	word = 44;
	CLAIM(pwrite(mem, &word, sizeof word, (long)&secret) == sizeof word);
	CALL(pread(mem, &word, sizeof word, 64));
	CALL(pwrite(mem, &word, sizeof word, 64));
	CALL(lseek(mem, 100, SEEK_SET));
	CALL(lseek(mem, 100, SEEK_CUR));
	CALL(lseek(mem, 0, SEEK_END));
	close(mem);
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "with what was poked");
}

static long tracer_of(pid_t pid)
{
	char name[64], line[256];
	long tracer = -1;
	snprintf(name, sizeof name, "/proc/%d/status", pid);
	FILE *file = fopen(name, "r");
	while (file && fgets(line, sizeof line, file)) {
		sscanf(line, "TracerPid: %ld", &tracer);
		if (!strncmp(line, "State:", 6))
			printf("  %s", line);
	}
	if (file)
		fclose(file);
	return tracer;
}

static void twice(void)
{
	if (ptrace(PTRACE_TRACEME, 0, 0, 0))
		_exit(errno == EPERM ? 5 : 6);
}

int main(void)
{
	pid_t child = traced(twice);
	CLAIM(tracer_of(child) == getpid());
	CALL(ptrace(PTRACE_CONT, child, 0, 0));
	await(child, "PTRACE_TRACEME once more");
	CLAIM(tracer_of(getpid()) == 0);
	of_nobody();
	refused();
	signals();
	infos_and_masks();
	memory();
	return 0;
}
