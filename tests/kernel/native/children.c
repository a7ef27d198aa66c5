/* Processes: what becomes of children, who waits for whom, groups, sessions, ids. */
#include "claims.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static siginfo_t last;
static volatile int heard;

static void handler(int signal, siginfo_t *info, void *context)
{
	last = *info;
	heard++;
}

static void install(int signal, int flags)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	sigaction(signal, &a, NULL);
}

static pid_t spawn(int how)
{
	pid_t pid;
	sigset_t told_to;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	switch (how) {
	case 's':
		raise(SIGSTOP);
		_exit(4);
	case 'w':
		sigemptyset(&told_to);
		sigaddset(&told_to, SIGUSR1);
		sigprocmask(SIG_BLOCK, &told_to, NULL);
		raise(SIGSTOP);
		sigwaitinfo(&told_to, NULL);
		_exit(4);
	case 't':
		signal(SIGTSTP, SIG_DFL);
		setpgid(0, 0); /* no orphan's: its parent, of another group, is in the session */
		raise(SIGTSTP);
		_exit(5);
	case 'p':
		for (;;)
			pause();
	default:
		_exit(how);
	}
}

static void told(const char *what, siginfo_t *info, pid_t pid)
{
	printf("%s: signal %d code %d status %d pid %s\n", what, info->si_signo, info->si_code,
		info->si_status, info->si_pid == pid ? "right" : "other");
}

static void ends(void)
{
	pid_t pid;
	int status;
	siginfo_t info;

	install(SIGCHLD, SA_RESTART);
	pid = spawn(7);
	CALL(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	told("waitid", &info, pid);
	told("SIGCHLD", &last, pid);
	CALL(waitid(P_PID, pid, &info, WSTOPPED | WNOHANG));
	CALL(info.si_pid);
	CLAIM(waitpid(pid, &status, 0) == pid);
	CALL(status);
	CALL(waitpid(pid, &status, 0));
	pid = spawn(300);
	waitpid(pid, &status, 0);
	CALL(status);
	pid = spawn('p');
	kill(pid, SIGTERM);
	CALL(waitid(P_ALL, 0, &info, WEXITED));
	told("killed", &info, pid);
	pid = spawn('p');
	kill(pid, SIGKILL);
	CLAIM(waitpid(0, &status, 0) == pid);
	CALL(status);
	pid = spawn('p');
	CALL(waitpid(-1, &status, WNOHANG));
	setpgid(pid, pid);
	CALL(waitpid(0, &status, WNOHANG));
	CALL(waitpid(-pid, &status, WNOHANG));
	CALL(waitid(P_PGID, pid, &info, WEXITED | WNOHANG));
	CALL(kill(-pid, 0));
	CALL(kill(-pid, SIGINT));
	CLAIM(waitpid(-pid, &status, 0) == pid);
	CALL(status);
	CALL(kill(-pid, 0));
	CALL(kill(pid, 0));
	signal(SIGCHLD, SIG_IGN);
	pid = spawn(1);
	CALL(waitpid(pid, &status, 0));
	install(SIGCHLD, SA_NOCLDWAIT);
	heard = 0;
	pid = spawn(1);
	while (waitpid(pid, &status, 0) != -1)
		;
	CALL(errno == ECHILD || errno == EINTR);
	CALL(heard);
	install(SIGCHLD, SA_RESTART);
}

static void stops(void)
{
	pid_t pid = spawn('w');
	int status;
	siginfo_t info;

	CALL(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
	told("stopped", &info, pid);
	told("SIGCHLD", &last, pid);
	CLAIM(waitpid(pid, &status, WUNTRACED) == pid);
	CALL(status);
	CALL(waitpid(pid, &status, WUNTRACED | WNOHANG));
	kill(pid, SIGCONT);
	CLAIM(waitpid(pid, &status, WCONTINUED) == pid);
	CALL(status);
	kill(pid, SIGUSR1);
	CLAIM(waitpid(pid, &status, 0) == pid);
	CALL(status);
	pid = spawn('t');
	waitpid(pid, &status, WUNTRACED);
	CALL(status);
	/* A pending stop is forgotten by SIGCONT; SIGKILL ends a stopped process. */
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CALL(status);
	install(SIGCHLD, SA_RESTART | SA_NOCLDSTOP);
	heard = 0;
	pid = spawn('s');
	waitpid(pid, &status, WUNTRACED);
	CALL(heard);
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	CALL(heard);
	signal(SIGCHLD, SIG_DFL);
}

static int *shared;

/* Who adopts orphans, and what a child hears of its parent's end. */
static void orphans(void)
{
	int status;
	pid_t pid, grandchild;
	struct timespec some = { 0, 30000000 };

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CALL(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	int is = 0;
	CALL(prctl(PR_GET_CHILD_SUBREAPER, &is, 0, 0, 0));
	CALL(is);
	shared[2] = getpid();
	fflush(stdout);
	if (!(pid = fork())) {
		if (!fork()) {
			while (getppid() != shared[2])
				nanosleep(&some, NULL);
			shared[1] = getppid();
			_exit(9);
		}
		_exit(3);
	}
	waitpid(pid, &status, 0);
	CALL(status);
	grandchild = wait(&status);
	CLAIM(grandchild > 0 && grandchild != pid);
	CALL(status);
	CLAIM(shared[1] == getpid());
	heard = 0;
	fflush(stdout);
	if (!(pid = fork())) {
		if (!(grandchild = fork())) {
			install(SIGUSR1, 0);
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			shared[0] = 1;
			while (!heard)
				nanosleep(&some, NULL);
			_exit(last.si_code == SI_USER ? 11 : 12);
		}
		while (!shared[0])
			nanosleep(&some, NULL);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	wait(&status);
	CALL(status);
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	CALL(wait(&status));
}

static void groups(void)
{
	int status, ready[2];
	pid_t pid;

	fflush(stdout);
	if (!fork()) {
		CLAIM(setsid() == getpid());
		CLAIM(getsid(0) == getpid() && getpgrp() == getpid());
		CALL(setsid());
		CALL(setpgid(0, 0));
		pid = spawn('p');
		CLAIM(getpgid(pid) == getpid() && getsid(pid) == getpid());
		CALL(setpgid(pid, pid));
		CLAIM(getpgid(pid) == pid);
		CALL(setpgid(pid, getpid()));
		CALL(setpgid(pid, 1));
		CALL(setpgid(pid, -5));
		kill(pid, SIGKILL);
		wait(NULL);
		CALL(setpgid(pid, pid));
		CALL(getpgid(pid));
		if (!(pid = fork())) {
			setpgid(0, 0);
			CALL(setsid());
			fflush(stdout);
			_exit(0);
		}
		wait(NULL);
		_exit(fflush(stdout));
	}
	wait(&status);
	CALL(status);
	CALL(setpgid(getppid(), 0));
	CALL(kill(getpid(), 100));
	CALL(kill(0, 0));
}

/* What a child shares with its parent, and what it has a copy of. */
static void memory(void)
{
	char name[] = "/tmp/children-XXXXXX";
	int file = mkstemp(name), status;
	int *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *both, *mine;

	unlink(name);
	write(file, "abcdef", 6);
	ftruncate(file, 4096);
	both = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	mine = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	own[0] = 1, own[1024] = 2, shared[0] = 3;
	mine[1] = 'B';
	mprotect(own, 4096, PROT_READ);
	fflush(stdout);
	if (!fork()) {
		if (!fork()) {
			own[1024] = 100;
			shared[5] = 50;
			both[0] = 'X';
			mine[1] = 'Y';
			_exit(own[0] + own[1024]);
		}
		wait(&status);
		CALL(WEXITSTATUS(status));
		CLAIM(own[1024] == 2 && shared[5] == 50 && both[0] == 'X' && mine[1] == 'B');
		mprotect(own, 4096, PROT_READ | PROT_WRITE);
		own[0] = 77;
		shared[6] = own[0];
		lseek(file, 100, SEEK_SET);
		CLAIM(mine[0] == 'X');
		_exit(fflush(stdout));
	}
	wait(&status);
	CLAIM(own[0] == 1 && own[1024] == 2 && shared[5] == 50 && shared[6] == 77);
	CLAIM(both[0] == 'X' && mine[1] == 'B' && lseek(file, 0, SEEK_CUR) == 100);
	if (!vfork()) {
		shared[7] = 1;
		own[1024] = 5;
		_exit(6);
	}
	wait(&status);
	CALL(status);
	CALL(own[1024]);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	ends();
	stops();
	orphans();
	groups();
	memory();
	return 0;
}
