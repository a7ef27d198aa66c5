/* What /proc tells of other processes: zombies, stopped ones, threads, limits, what exec changed. */
#include "claims.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* The file `name` of a process, or the error's name. */
static const char *read_of(pid_t pid, const char *name)
{
	static char text[8192];
	char path[100];
	int fd, size;

	sprintf(path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return strerrorname_np(errno);
	size = read(fd, text, sizeof text - 1);
	close(fd);
	if (size < 0)
		return strerrorname_np(errno);
	text[size] = 0;
	return text;
}

/* The line of /proc/PID/status that begins so. */
static void line(pid_t pid, const char *start)
{
	char *found = strstr(read_of(pid, "status"), start);

	printf("%.*s\n", found ? (int)strcspn(found, "\n") : 4, found ? found : "none");
}

static void state(const char *what, pid_t pid)
{
	const char *text = read_of(pid, "stat"), *end = strrchr(text, ')');
	int parent, group, session;
	char now = '?';

	if (end)
		sscanf(end + 2, "%c %d %d %d", &now, &parent, &group, &session);
	printf("%s: %c%s%s%s\n", what, now, parent == getpid() ? " mine" : "", group == getpgrp() ? " our group" : "",
	       session == getsid(0) ? " our session" : "");
}

static int count(pid_t pid, const char *name)
{
	char path[100];
	DIR *directory;
	int found = 0;

	sprintf(path, "/proc/%d/%s", pid, name);
	if (!(directory = opendir(path)))
		return -1;
	for (struct dirent *entry; (entry = readdir(directory));)
		found += entry->d_name[0] != '.';
	closedir(directory);
	return found;
}

static void zombie(void)
{
	char path[100], target[100];
	siginfo_t info;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_NAME, "a child");
		_exit(3);
	}
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	state("zombie", pid);
	printf("%s", read_of(pid, "comm"));
	line(pid, "State:");
	line(pid, "Threads:");
	line(pid, "VmSize");
	CALL(strlen(read_of(pid, "cmdline")));
	CALL(strlen(read_of(pid, "maps")));
	sprintf(path, "/proc/%d/exe", pid);
	CALL(readlink(path, target, 100));
	sprintf(path, "/proc/%d/cwd", pid);
	CALL(readlink(path, target, 100));
	CALL(count(pid, "task"));
	CALL(count(pid, "fd"));
	CALL(kill(pid, 0));
	CALL(getpgid(pid) == getpgrp());
	CALL(waitpid(pid, NULL, 0) == pid);
	sprintf(path, "/proc/%d", pid);
	CALL(access(path, F_OK));
}

static void others(void)
{
	char byte, path[100];
	int gate[2], back[2], status, fd;
	pid_t pid;

	pipe(gate);
	pipe(back);
	if (!(pid = fork())) {
		close(gate[1]);
		fcntl(back[1], F_SETFD, FD_CLOEXEC);
		dup2(gate[0], 0);
		close(back[0]);
		raise(SIGSTOP);
		execl("/bin/cat", "a cat", "-u", "-", (char *)NULL);
		_exit(9);
	}
	close(back[1]);
	waitpid(pid, &status, WUNTRACED);
	state("stopped", pid);
	line(pid, "State:");
	sprintf(path, "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY);
	kill(pid, SIGCONT);
	read(back[0], &byte, 1); /* it runs another program */
	const char *text = read_of(pid, "cmdline");
	printf("%s|%s|%s\n", text, text + 6, text + 9);
	printf("%s", read_of(pid, "comm"));
	close(fd);
	line(pid, "Name:");
	line(pid, "Threads:");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(gate[0]);
	close(gate[1]);
	close(back[0]);
}

static pthread_barrier_t both;

static void *lives(void *unused)
{
	prctl(PR_SET_NAME, "thread");
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&both);
	return NULL;
}

static void threads(void)
{
	pthread_t thread;

	prctl(PR_SET_NAME, "leader");
	CALL(count(getpid(), "task"));
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&thread, NULL, lives, NULL);
	pthread_barrier_wait(&both);
	CALL(count(getpid(), "task"));
	line(getpid(), "Threads:");
	printf("%s", read_of(getpid(), "comm"));
	pthread_barrier_wait(&both);
	pthread_join(thread, NULL);
	while (count(getpid(), "task") > 1)
		sched_yield();
	line(getpid(), "Threads:");
}

/* The soft and hard limit as /proc/self/limits tells them. */
static void limit(const char *start)
{
	char *found = strstr(read_of(getpid(), "limits"), start);

	printf("%.*s|\n", found ? (int)strcspn(found, "\n") : 4, found ? found : "none");
}

static void limits(void)
{
	static const char *names[] = { "Max cpu time", "Max file size", "Max data size", "Max core file",
		"Max resident set", "Max address space", "Max file locks", "Max msgqueue", "Max nice", "Max realtime priority",
		"Max realtime timeout" };
	struct rlimit l = { 0, 0 };

	setrlimit(RLIMIT_CORE, &l);
	printf("%.*s|\n", (int)strcspn(read_of(getpid(), "limits"), "\n"), read_of(getpid(), "limits"));
	for (int i = 0; i < sizeof names / sizeof *names; i++)
		limit(names[i]);
	l = (struct rlimit){ 10, 20 };
	setrlimit(RLIMIT_NOFILE, &l);
	limit("Max open files");
	l = (struct rlimit){ 4096, 8192 };
	setrlimit(RLIMIT_FSIZE, &l);
	limit("Max file size");
	setrlimit(RLIMIT_SIGPENDING, &l);
	limit("Max pending signals");
	setrlimit(RLIMIT_NPROC, &l);
	limit("Max processes");
	setrlimit(RLIMIT_MEMLOCK, &l);
	limit("Max locked memory");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	zombie();
	others();
	threads();
	line(getpid(), "Uid:");
	line(getpid(), "SigBlk:");
	limits();
	return 0;
}
