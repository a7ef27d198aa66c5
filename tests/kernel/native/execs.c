/* Limits of execve(2) and what it resets: sizes of arguments, scripts, refusals, files that are busy,
   and what a new program finds of the old one. */
#include "claims.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

static char folder[] = "/tmp/execs-XXXXXX";
static char *self;
static char *no_environment[] = { NULL };

/* What exec says: the error's name, or the program's end. */
static void run(const char *what, const char *path, char **argv, char **envp)
{
	int status;
	pid_t pid;

	fflush(stdout);
	if (!(pid = fork())) {
		errno = 0;
		execve(path, argv, envp);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) && WEXITSTATUS(status) != 77)
		printf("%s: %s\n", what, strerrorname_np(WEXITSTATUS(status)));
	else
		printf("%s: %#x\n", what, status);
}

static const char *file(const char *name, const char *text, int size, int mode)
{
	static char path[100];
	int fd;

	sprintf(path, "%s/%s", folder, name);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	write(fd, text, size < 0 ? strlen(text) : size);
	fchmod(fd, mode);
	close(fd);
	return path;
}

static char *string(int size)
{
	char *made = malloc(size + 1);

	memset(made, 'x', size);
	made[size] = 0;
	return made;
}

static void sizes(void)
{
	char *one[] = { "true", NULL, NULL }, **many = calloc(70, sizeof *many);
	struct rlimit small = { 1 << 20, RLIM_INFINITY }, old;

	one[1] = string(128 * 1024 - 1);
	run("a string of 128 KiB with its end", "/bin/true", one, no_environment);
	one[1] = string(128 * 1024);
	run("one byte more", "/bin/true", one, no_environment);
	run("in the environment", "/bin/true", no_environment + 0, one + 1);
	for (int i = 0; i < 15; i++)
		many[i] = string(128 * 1024 - 1);
	run("a bit less than 2 MiB", "/bin/true", many, no_environment);
	for (int i = 15; i < 17; i++)
		many[i] = string(128 * 1024 - 1);
	run("more than a quarter of the stack", "/bin/true", many, no_environment);
	getrlimit(RLIMIT_STACK, &old);
	setrlimit(RLIMIT_STACK, &small);
	many[1] = many[0];
	many[2] = NULL;
	run("of a smaller stack", "/bin/true", many, no_environment);
	many[2] = many[0];
	run("again", "/bin/true", many, no_environment);
	setrlimit(RLIMIT_STACK, &old);
	run("a bad argument", "/bin/true", (char *[]){ "true", (char *)8, NULL }, no_environment);
	run("a bad array", "/bin/true", (char **)8, no_environment);
	run("no arguments", self, (char *[]){ NULL }, no_environment);
	run("null", self, NULL, no_environment);
}

static void refusals(void)
{
	char *argv[] = { "it", NULL };

	run("an empty path", "", argv, no_environment);
	run("no such file", "/no/such/file", argv, no_environment);
	run("a directory", "/tmp", argv, no_environment);
	run("below a file", "/bin/true/x", argv, no_environment);
	run("a device", "/dev/null", argv, no_environment);
	run("a file of /proc", "/proc/self/stat", argv, no_environment);
	run("without x", file("plain", "#!/bin/true\n", -1, 0644), argv, no_environment);
	run("text", file("text", "hello\n", -1, 0755), argv, no_environment);
	run("empty", file("empty", "", -1, 0755), argv, no_environment);
	run("four bytes", file("four", "\177ELF", -1, 0755), argv, no_environment);
	run("not ELF", file("zeros", "\0\0\0\0\0\0\0\0", 8, 0755), argv, no_environment);
	run("a bad pointer", (char *)8, argv, no_environment);
}

static void script(const char *what, const char *line)
{
	char *argv[] = { "zeroth", "first", "second", NULL };

	run(what, file("script", line, -1, 0755), argv, no_environment);
}

static void scripts(void)
{
	char line[400], path[100];
	char *argv[] = { "it", NULL };

	sprintf(line, "#!%s\n", self);
	script("a script", line);
	sprintf(line, "#! \t%s \t a b  c \t\n", self);
	script("with an argument", line);
	sprintf(line, "#!%s -x", self);
	script("no newline", line);
	script("no interpreter", "#!\n");
	script("blanks", "#!   \t\n");
	script("no such one", "#!/no/such\n");
	script("a directory", "#!/tmp\n");
	sprintf(line, "#!%s ", self);
	memset(line + strlen(line), 'y', 300);
	line[390] = 0;
	script("a long argument", line);
	memset(line, '/', 300);
	memcpy(line, "#!", 2);
	line[300] = '\n';
	line[301] = 0;
	script("a long name", line);
	sprintf(line, "#!%s\n", self);
	for (int depth = 0; depth < 7; depth++) {
		char name[20];

		sprintf(name, "deep%d", depth);
		strcpy(path, file(name, line, -1, 0755));
		sprintf(line, "#!%s\n", path);
		printf("depth %d\n", depth);
		run("nested", path, argv, no_environment);
	}
}

static void busy(void)
{
	char *argv[] = { "it", NULL }, path[100], byte;
	int from = open("/bin/sleep", O_RDONLY | O_CLOEXEC), gate[2], size, fd, status;
	static char content[1 << 20];
	pid_t pid;

	size = read(from, content, sizeof content);
	close(from);
	strcpy(path, file("program", content, size, 0755));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	run("open for writing", path, (char *[]){ "sleep", "0", NULL }, no_environment);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	run("open for reading", path, (char *[]){ "sleep", "0", NULL }, no_environment);
	close(fd);
	pipe2(gate, O_CLOEXEC);
	if (!(pid = fork())) {
		execl(path, "sleep", "1000", (char *)NULL);
		_exit(9);
	}
	close(gate[1]);
	read(gate[0], &byte, 1);
	close(gate[0]);
	CALL(open(path, O_WRONLY));
	CALL(open(path, O_RDWR));
	CALL(open(path, O_RDONLY | O_TRUNC));
	CALL(truncate(path, 100));
	CLAIM((fd = open(path, O_RDONLY)) >= 0);
	close(fd);
	CALL(chmod(path, 0700));
	CALL(unlink(path));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void by_descriptor(void)
{
	char *argv[] = { "it", "x", NULL }, line[200];
	int fd = open(self, O_RDONLY | O_CLOEXEC), status, place = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), script;

#define AT(fd, path, flags) do { fflush(stdout); pid_t pid = fork(); if (!pid) { \
	syscall(SYS_execveat, fd, path, argv, no_environment, flags); _exit(errno); } \
	waitpid(pid, &status, 0); \
	printf("execveat " #fd " " #path " " #flags ": %s\n", WEXITSTATUS(status) == 77 ? "runs" : strerrorname_np(WEXITSTATUS(status))); } while (0)
	AT(fd, "", AT_EMPTY_PATH);
	AT(fd, "", 0);
	AT(99, "", AT_EMPTY_PATH);
	AT(99, "x", 0);
	AT(fd, "x", 0);
	AT(fd, "", 0x10);
	AT(place, "", AT_EMPTY_PATH);
	sprintf(line, "#!%s\n", self);
	file("at", line, -1, 0755);
	AT(place, "at", 0);
	AT(place, "nothing", 0);
	script = openat(place, "at", O_RDONLY);
	AT(script, "", AT_EMPTY_PATH);
	fcntl(script, F_SETFD, FD_CLOEXEC);
	AT(script, "", AT_EMPTY_PATH);
	symlinkat("at", place, "link");
	AT(place, "link", 0);
	AT(place, "link", AT_SYMLINK_NOFOLLOW);
	unlinkat(place, "link", 0);
	script = open(self, O_PATH | O_CLOEXEC);
	AT(script, "", AT_EMPTY_PATH);
}

static void caught(int signal)
{
}

static void *sleeps(void *unused)
{
	for (;;)
		pause();
}

static void *execs(void *unused)
{
	execl(self, "execs", "state", (char *)NULL);
	return NULL;
}

/* What the program finds that was started by this one, which had set everything. */
static void resets(int by_thread)
{
	static char stack[1 << 16];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
	struct itimerval t = { .it_value = { 1000, 0 } };
	int status;
	pid_t pid;

	fflush(stdout);
	if (!(pid = fork())) {
		sigset_t some;
		pthread_t thread;

		signal(SIGUSR1, caught);
		signal(SIGUSR2, SIG_IGN);
		sigemptyset(&some);
		sigaddset(&some, SIGWINCH);
		sigprocmask(SIG_BLOCK, &some, NULL);
		raise(SIGWINCH);
		sigaltstack(&alternate, NULL);
		setitimer(ITIMER_REAL, &t, NULL);
		prctl(PR_SET_NAME, "renamed");
		prctl(PR_SET_DUMPABLE, 0);
		prctl(PR_SET_PDEATHSIG, SIGUSR1);
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		prctl(PR_SET_TIMERSLACK, 12345);
		umask(027);
		if (by_thread) {
			pthread_create(&thread, NULL, sleeps, NULL);
			pthread_create(&thread, NULL, execs, NULL);
			sleeps(NULL);
		}
		execs(NULL);
		_exit(9);
	}
	waitpid(pid, &status, 0);
	printf("status %#x\n", status);
}

static int state(void)
{
	struct sigaction a;
	sigset_t set;
	stack_t stack;
	struct itimerval t;
	char name[17] = "";
	int number = 0;
	void *head;
	size_t size;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	sigaction(SIGUSR1, NULL, &a);
	CLAIM(a.sa_handler == SIG_DFL);
	sigaction(SIGUSR2, NULL, &a);
	CLAIM(a.sa_handler == SIG_IGN);
	sigprocmask(SIG_BLOCK, NULL, &set);
	CALL(sigismember(&set, SIGWINCH));
	sigpending(&set);
	CALL(sigismember(&set, SIGWINCH));
	sigaltstack(NULL, &stack);
	CALL(stack.ss_flags);
	getitimer(ITIMER_REAL, &t);
	CLAIM(t.it_value.tv_sec > 900);
	prctl(PR_GET_NAME, name);
	printf("%s\n", name);
	CALL(prctl(PR_GET_DUMPABLE));
	CALL(prctl(PR_GET_PDEATHSIG, &number));
	CALL(number);
	CALL(prctl(PR_GET_CHILD_SUBREAPER, &number));
	CALL(number);
	CALL(prctl(PR_GET_TIMERSLACK));
	CALL(umask(0));
	CLAIM(syscall(SYS_gettid) == getpid());
	return 77;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "state"))
		return state();
	if (!argv[0] || strcmp(argv[0], "execs-main")) {
		printf("[%d]", argc);
		for (int i = 0; i < argc; i++)
			printf(" %s", !strncmp(argv[i], folder, 11) ? "PATH" : !strncmp(argv[i], "/dev/fd", 7) ? "FD" :
			       strrchr(argv[i], '/') ? "SELF" : argv[i]);
		printf("\n");
		return 77;
	}
	return 0;
}

__attribute__((constructor)) static void start(int argc, char **argv)
{
	if (argc != 1 || !argv[0] || !strchr(argv[0], '/') || getenv("QUIET"))
		return;
	setenv("QUIET", "1", 1);
	self = realpath(argv[0], NULL);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	mkdtemp(folder);
	sizes();
	refusals();
	scripts();
	busy();
	by_descriptor();
	resets(0);
	resets(1);
	fflush(stdout);
	char command[100];
	sprintf(command, "rm -r %s", folder);
	system(command);
	_exit(0);
}
