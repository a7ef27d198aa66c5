/* Sessions and job control on a pseudo-terminal: who may use it, who is stopped, who is hung up. Each
   part is a session of its own, whose orphans come to this process. */
#include "claims.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>

static volatile int *shared; /* [0..9] order of signals, [10] how many, [11..] notes */
static int master, slave;
static char name[100];

static void note(int signal)
{
	shared[shared[10]++] = signal;
}

static void catch(int signal)
{
	struct sigaction a = { .sa_handler = note };

	sigaction(signal, &a, NULL);
}

static void heard(const char *what)
{
	printf("%s hears:", what);
	for (int i = 0; i < shared[10]; i++)
		printf(" %s", sigabbrev_np(shared[i]));
	printf("\n");
	shared[10] = 0;
}

static void told(const char *what, int status)
{
	if (WIFSTOPPED(status))
		printf("%s: stopped by %s\n", what, sigabbrev_np(WSTOPSIG(status)));
	else if (WIFSIGNALED(status))
		printf("%s: killed by %s\n", what, sigabbrev_np(WTERMSIG(status)));
	else if (WIFCONTINUED(status))
		printf("%s: continued\n", what);
	else
		printf("%s: exit %d\n", what, WEXITSTATUS(status));
}

static int wait_for(const char *what, pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, WUNTRACED) != pid)
		status = 0xff00;
	told(what, status);
	return status;
}

/* Runs `part` as the leader of a session whose terminal is a new one. */
static void session(const char *what, void (*part)(void))
{
	pid_t leader;

	printf("---- %s\n", what);
	fflush(stdout);
	shared[10] = 0;
	master = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(master);
	unlockpt(master);
	ptsname_r(master, name, sizeof name);
	if (!(leader = fork())) {
		setsid();
		slave = open(name, O_RDWR);
		part();
		fflush(stdout);
		_exit(0);
	}
	wait_for("leader", leader);
	close(master);
}

/* A process in a group of its own, which does `statements`. */
#define JOB(pid, statements) do { fflush(stdout); if (!(pid = fork())) { \
	setpgid(0, 0); statements; _exit(fflush(stdout)); } setpgid(pid, pid); } while (0)
#define SHELL signal(SIGTTOU, SIG_IGN)

static void to_front(pid_t group)
{
	CALL(tcsetpgrp(slave, group));
}

static void reads(void)
{
	char line[16] = "";
	pid_t job;

	SHELL;
	JOB(job, signal(SIGTTOU, SIG_DFL); CALL(read(slave, line, 16)); printf("%s", line);
	    CALL(write(slave, "out", 3)));
	wait_for("a reader behind", job);
	CLAIM(tcgetpgrp(slave) == getpid());
	write(master, "hello\n", 6);
	to_front(job);
	kill(-job, SIGCONT);
	wait_for("in front", job);
	to_front(getpid());
	JOB(job, signal(SIGTTIN, SIG_IGN); CALL(read(slave, line, 16)));
	wait_for("who ignores SIGTTIN", job);
	JOB(job, sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, NULL); CALL(read(slave, line, 16)));
	wait_for("who blocks it", job);
	JOB(job, catch(SIGTTIN); CALL(read(slave, line, 16)));
	wait_for("who handles it", job);
	heard("it");
	JOB(job, CALL(fcntl(slave, F_SETFL, O_NONBLOCK)); CALL(read(slave, line, 16)));
	wait_for("who does not wait", job);
	kill(job, SIGKILL);
	wait_for("it", job);
}

static void writes(void)
{
	struct termios t;
	pid_t job;

	SHELL;
	JOB(job, signal(SIGTTOU, SIG_DFL); CALL(write(slave, "out", 3)));
	wait_for("a writer behind", job);
	tcgetattr(slave, &t);
	t.c_lflag |= TOSTOP;
	tcsetattr(slave, TCSANOW, &t);
	JOB(job, signal(SIGTTOU, SIG_DFL); CALL(write(slave, "out", 3)));
	wait_for("with TOSTOP", job);
	to_front(job);
	kill(-job, SIGCONT);
	wait_for("in front", job);
	to_front(getpid());
	JOB(job, CALL(write(slave, "out", 3)));
	wait_for("who ignores SIGTTOU", job);
	JOB(job, catch(SIGTTOU); CALL(write(slave, "out", 3)));
	wait_for("who handles it", job);
	heard("it");
}

static void asks(void)
{
	struct termios t;
	pid_t job;

	SHELL;
	JOB(job, signal(SIGTTOU, SIG_DFL); CALL(tcsetpgrp(slave, getpid())));
	wait_for("who wants to the front", job);
	CLAIM(tcgetpgrp(slave) == getpid());
	kill(-job, SIGKILL);
	wait_for("it", job);
	JOB(job, CALL(tcsetpgrp(slave, getpid())); CLAIM(tcgetpgrp(slave) == getpid()));
	wait_for("who ignores SIGTTOU", job);
	CLAIM(tcgetpgrp(slave) == job);
	to_front(getpid());
	JOB(job, signal(SIGTTOU, SIG_DFL); CALL(tcgetattr(slave, &t)); CALL(tcsetattr(slave, TCSANOW, &t)));
	wait_for("who sets it up", job);
	kill(-job, SIGKILL);
	wait_for("it", job);
	JOB(job, catch(SIGTTOU); CALL(tcflush(slave, TCIFLUSH)));
	wait_for("who flushes it", job);
	heard("it");
	JOB(job, CALL(tcgetsid(slave) == getsid(0)); CALL(tcgetpgrp(slave) == getsid(0)));
	wait_for("who only asks", job);
	CALL(tcsetpgrp(slave, -3));
	CALL(tcsetpgrp(slave, 0));
	CALL(tcsetpgrp(slave, getppid()));
	CALL(tcsetpgrp(0, getpid()));
}

static void keys(void)
{
	pid_t front, behind;
	int gate[2];
	char byte;

	SHELL;
	JOB(behind, pause());
	pipe(gate);
	JOB(front, close(gate[0]); close(gate[1]); for (;;) pause());
	close(gate[1]);
	read(gate[0], &byte, 1);
	to_front(front);
	write(master, "\032", 1);
	wait_for("Ctrl-Z", front);
	to_front(getpid());
	to_front(front);
	kill(-front, SIGCONT);
	write(master, "\003", 1);
	wait_for("Ctrl-C", front);
	CALL(waitpid(behind, NULL, WNOHANG | WUNTRACED));
	kill(behind, SIGTERM);
	wait_for("behind", behind);
}

/* A job whose parent, in its session but another group, ends while the job is stopped. */
static void orphan(int how)
{
	pid_t parent, job;

	JOB(parent,
	    JOB(job, if (how == 'c') { catch(SIGHUP); catch(SIGCONT); } if (how == 'i') signal(SIGHUP, SIG_IGN);
		if (how != 'r') raise(SIGSTOP); shared[11] = getpid(); while (how == 'r') pause(); _exit(7));
	    if (how != 'r') wait_for("job", job); else while (!shared[11]) usleep(100); shared[11] = job;
	    fflush(stdout); _exit(3));
	wait_for("its parent", parent);
}

static void orphan_dies(void) { orphan('d'); }
static void orphan_hears(void) { orphan('c'); }
static void orphan_ignores(void) { orphan('i'); }
static void orphan_runs(void) { shared[11] = 0; orphan('r'); }

/* In an orphaned group nobody is stopped by the terminal. */
static void alone(void)
{
	pid_t parent, job;

	SHELL;
	shared[11] = 0;
	JOB(parent, JOB(job, pid_t me = getpid(); char line[8]; signal(SIGTTOU, SIG_DFL);
			while (getppid() != shared[13]) usleep(100);
			CALL(raise(SIGTSTP)); CALL(raise(SIGTTIN)); CALL(read(slave, line, 8));
			CALL(tcsetpgrp(slave, me)); fflush(stdout); shared[12] = me; _exit(8)); _exit(0));
	wait_for("its parent", parent);
	while (!shared[12])
		usleep(100);
}

static void leaves(void)
{
	pid_t job;

	SHELL;
	JOB(job, catch(SIGHUP); catch(SIGCONT); shared[11] = 1; while (!shared[10] || getppid() != shared[13]) usleep(100);
	    heard("the job in front"); CALL(tcgetpgrp(slave)); CALL(tcgetsid(slave)); CALL(open("/dev/tty", O_RDWR));
	    CALL(write(slave, "x", 1)); CALL(isatty(slave)); CLAIM(getsid(0) != getpid()); CALL(setpgid(0, 0));
	    fflush(stdout); shared[12] = getpid(); _exit(9));
	to_front(job);
	while (!shared[11])
		usleep(100);
	shared[14] = job;
}

/* A child whose group only its parent sets, and that ends with the pipe. */
static pid_t plain(int *gate)
{
	pid_t pid;
	char byte;

	fflush(stdout);
	if (!(pid = fork())) {
		close(gate[1]);
		read(gate[0], &byte, 1);
		_exit(0);
	}
	setpgid(pid, pid);
	return pid;
}

static void rules(void)
{
	pid_t a, b, c;
	int gate[2];
	char byte;

	pipe(gate);
	a = plain(gate);
	b = plain(gate);
	CALL(setpgid(b, a));
	CLAIM(getpgid(b) == a);
	CALL(setpgid(b, getpid()));
	CALL(setpgid(b, b));
	CALL(setpgid(a, 4000000));
	CALL(setpgid(0, a));
	CALL(setpgid(getpid(), getpid()));
	CALL(setpgid(getppid(), a));
	CALL(getpgid(getppid()) == getpgid(0));
	if (!(c = fork())) {
		setsid();
		close(gate[0]);
		close(gate[1]);
		for (;;)
			pause();
	}
	while (getsid(c) != c)
		usleep(100);
	CALL(setpgid(c, 0));
	CALL(setpgid(c, a));
	CALL(setpgid(a, c));
	CALL(getsid(c) == c);
	kill(c, SIGKILL);
	wait_for("c", c);
	close(gate[1]);
	wait_for("a", a);
	wait_for("b", b);
	fcntl(gate[0], F_SETFD, FD_CLOEXEC);
	pipe(gate);
	if (!(c = fork())) {
		fcntl(gate[1], F_SETFD, FD_CLOEXEC);
		dup2(slave, 0);
		execl("/bin/sleep", "sleep", "1000", (char *)NULL);
		_exit(9);
	}
	close(gate[1]);
	read(gate[0], &byte, 1);
	CALL(setpgid(c, c));
	kill(c, SIGKILL);
	waitpid(c, NULL, 0);
}

int main(void)
{
	int status;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	shared[13] = getpid();
	session("reading", reads);
	session("writing", writes);
	session("asking", asks);
	session("keys", keys);
	session("an orphan that is stopped", orphan_dies);
	waitpid(shared[11], &status, 0);
	told("the orphan", status);
	session("an orphan that handles it", orphan_hears);
	waitpid(shared[11], &status, 0);
	told("the orphan", status);
	heard("it");
	session("an orphan that ignores it", orphan_ignores);
	waitpid(shared[11], &status, 0);
	told("the orphan", status);
	session("an orphan that runs", orphan_runs);
	kill(shared[11], SIGTERM);
	waitpid(shared[11], &status, 0);
	told("the orphan", status);
	session("alone", alone);
	waitpid(shared[12], &status, 0);
	told("the orphan", status);
	shared[11] = 0;
	session("its leader leaves", leaves);
	waitpid(shared[14], &status, 0);
	told("the job", status);
	session("rules", rules);
	return 0;
}
