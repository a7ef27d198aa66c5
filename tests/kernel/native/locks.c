/* Locks: of ranges by processes and by descriptions, and of whole files; who waits, who is refused. */
#include "claims.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

static char folder[] = "/tmp/claims-XXXXXX";
static int turns[2], answers[2];

static int order(int fd, int command, int kind, long start, long size)
{
	struct flock lock = { .l_type = kind, .l_whence = SEEK_SET, .l_start = start, .l_len = size };

	return fcntl(fd, command, &lock);
}

static void ask(const char *what, int fd, int command, int kind, long start, long size)
{
	struct flock lock = { .l_type = kind, .l_whence = SEEK_SET, .l_start = start, .l_len = size };
	int result = fcntl(fd, command, &lock);

	printf("%s: %d type %d start %ld size %ld pid %s\n", what, result, lock.l_type,
		(long)lock.l_start, (long)lock.l_len,
		lock.l_pid == getpid() ? "own" : lock.l_pid == getppid() ? "parent" : lock.l_pid == -1 ? "-1" : "other");
}

/* What a child process says of something, as its exit status. */
#define BY_CHILD(expression) do { int status; pid_t child = fork(); \
	if (!child) { errno = 0; _exit((expression) < 0 ? errno : 0); } \
	waitpid(child, &status, 0); \
	printf("a child: %s: %s\n", #expression, WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "works"); } while (0)
#define SHOWN_BY_CHILD(statement) do { int status; pid_t child = fork(); \
	if (!child) { statement; fflush(stdout); _exit(0); } \
	waitpid(child, &status, 0); } while (0)

static void ranges(int fd)
{
	CALL(order(fd, F_SETLK, F_WRLCK, 10, 10));
	CALL(order(fd, F_SETLK, F_RDLCK, 15, 10));
	ask("nobody else has any", fd, F_GETLK, F_WRLCK, 0, 0);
	SHOWN_BY_CHILD(ask("from the start", fd, F_GETLK, F_WRLCK, 0, 0));
	SHOWN_BY_CHILD(ask("to read, from the start", fd, F_GETLK, F_RDLCK, 0, 0));
	SHOWN_BY_CHILD(ask("to read, later", fd, F_GETLK, F_RDLCK, 15, 0));
	SHOWN_BY_CHILD(ask("to write, later", fd, F_GETLK, F_WRLCK, 17, 3));
	SHOWN_BY_CHILD(ask("behind it", fd, F_GETLK, F_WRLCK, 25, 0));
	BY_CHILD(order(fd, F_SETLK, F_WRLCK, 0, 10));
	BY_CHILD(order(fd, F_SETLK, F_WRLCK, 0, 11));
	BY_CHILD(order(fd, F_SETLK, F_RDLCK, 16, 3));
	CALL(order(fd, F_SETLK, F_UNLCK, 12, 2));
	SHOWN_BY_CHILD(ask("the first half", fd, F_GETLK, F_WRLCK, 0, 0));
	SHOWN_BY_CHILD(ask("the second half", fd, F_GETLK, F_RDLCK, 12, 0));
	CALL(order(fd, F_SETLK, F_WRLCK, 12, 2));
	SHOWN_BY_CHILD(ask("whole again", fd, F_GETLK, F_RDLCK, 0, 0));
	CALL(order(fd, F_SETLK, F_WRLCK, 100, 0));
	SHOWN_BY_CHILD(ask("without end", fd, F_GETLK, F_RDLCK, 1000000, 1));
	struct flock back = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 50, .l_len = -10 };
	CALL(fcntl(fd, F_SETLK, &back));
	SHOWN_BY_CHILD(ask("backwards", fd, F_GETLK, F_RDLCK, 30, 60));
	back.l_start = 5;
	CALL(fcntl(fd, F_SETLK, &back));
	back.l_whence = 7;
	CALL(fcntl(fd, F_SETLK, &back));
	back.l_whence = SEEK_END, back.l_start = 0, back.l_len = 5;
	CALL(fcntl(fd, F_SETLK, &back));
	back.l_type = 9;
	CALL(fcntl(fd, F_SETLK, &back));
	CALL(fcntl(fd, F_SETLK, 8));
	CALL(fcntl(fd, F_GETLK, 8));
	CALL(order(fd, F_GETLK, F_UNLCK, 0, 0));
	int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY);
	CALL(order(reader, F_SETLK, F_WRLCK, 0, 1));
	CALL(order(writer, F_SETLK, F_RDLCK, 0, 1));
	BY_CHILD(order(fd, F_SETLK, F_WRLCK, 12, 1));
	CALL(close(reader));
	BY_CHILD(order(fd, F_SETLK, F_WRLCK, 12, 1));
	close(writer);
}

static void descriptions(int fd)
{
	int other = open("file", O_RDWR), copy = dup(fd);

	CALL(order(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
	CALL(order(other, F_OFD_SETLK, F_WRLCK, 5, 10));
	CALL(order(copy, F_OFD_SETLK, F_WRLCK, 5, 10));
	CALL(order(other, F_SETLK, F_RDLCK, 5, 1));
	ask("held by a description", other, F_OFD_GETLK, F_WRLCK, 0, 0);
	ask("asked by a process", other, F_GETLK, F_WRLCK, 0, 0);
	CALL(close(copy));
	CALL(order(other, F_OFD_SETLK, F_WRLCK, 5, 10));
	BY_CHILD(order(fd, F_OFD_SETLK, F_WRLCK, 5, 10));
	CALL(order(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
	CALL(order(other, F_OFD_SETLK, F_WRLCK, 5, 10));
	CALL(order(fd, F_SETLK, F_WRLCK, 14, 1));
	CALL(close(other));
	CALL(order(fd, F_SETLK, F_WRLCK, 14, 1));
	struct flock lock = { .l_type = F_WRLCK, .l_pid = 1 };
	CALL(fcntl(fd, F_OFD_SETLK, &lock));
	CALL(order(999, F_OFD_SETLK, F_WRLCK, 0, 1));
}

static void wholes(int fd)
{
	int other = open("file", O_RDONLY), copy = dup(fd);

	CALL(flock(fd, LOCK_EX));
	CALL(flock(other, LOCK_EX | LOCK_NB));
	CALL(flock(other, LOCK_SH | LOCK_NB));
	CALL(flock(copy, LOCK_EX | LOCK_NB));
	BY_CHILD(flock(fd, LOCK_EX | LOCK_NB));
	CALL(flock(copy, LOCK_SH));
	CALL(flock(other, LOCK_SH | LOCK_NB));
	CALL(flock(other, LOCK_EX | LOCK_NB));
	CALL(flock(fd, LOCK_UN));
	CALL(flock(other, LOCK_EX | LOCK_NB));
	CALL(order(fd, F_SETLK, F_WRLCK, 0, 0));
	CALL(flock(fd, LOCK_SH | LOCK_NB));
	CALL(close(other));
	CALL(flock(fd, LOCK_SH | LOCK_NB));
	BY_CHILD(flock(fd, LOCK_UN));
	other = open("file", O_RDONLY);
	CALL(flock(other, LOCK_EX | LOCK_NB));
	CALL(flock(fd, 0));
	CALL(flock(fd, LOCK_EX | LOCK_SH));
	CALL(flock(999, LOCK_EX));
	CALL(flock(open("file", O_PATH), LOCK_EX));
	int ends[2];
	pipe(ends);
	CALL(flock(ends[0], LOCK_EX));
	close(ends[0]);
	close(ends[1]);
	close(other);
	close(copy);
}

static void say(int *pipe_ends)
{
	write(pipe_ends[1], "x", 1);
}

static void hear(int *pipe_ends)
{
	char byte;

	read(pipe_ends[0], &byte, 1);
}

static void alarmed(int signal)
{
}

static void waiting(int fd)
{
	int status;
	pid_t child;
	struct sigaction action = { .sa_handler = alarmed };

	pipe(turns);
	pipe(answers);
	child = fork();
	if (!child) {
		order(fd, F_SETLK, F_WRLCK, 0, 1);
		say(answers);
		hear(turns);
		_exit(order(fd, F_SETLKW, F_WRLCK, 1, 1) ? errno : 0);
	}
	hear(answers);
	CALL(order(fd, F_SETLK, F_WRLCK, 1, 1));
	CALL(order(fd, F_SETLK, F_WRLCK, 0, 1));
	say(turns);
	usleep(200000);
	CALL(order(fd, F_SETLKW, F_WRLCK, 0, 1));
	CALL(order(fd, F_SETLK, F_UNLCK, 1, 1));
	CLAIM(waitpid(child, &status, 0) == child && status == 0);
	CALL(order(fd, F_SETLKW, F_WRLCK, 0, 1));
	child = fork();
	if (!child) {
		sigaction(SIGALRM, &action, NULL);
		ualarm(2000, 2000);
		_exit(order(fd, F_SETLKW, F_WRLCK, 0, 1) ? errno : 0);
	}
	CLAIM(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == EINTR);
	child = fork();
	if (!child) {
		int own = open("file", O_RDWR);
		flock(own, LOCK_EX);
		say(answers);
		hear(turns);
		usleep(5000);
		_exit(3);
	}
	hear(answers);
	CALL(flock(fd, LOCK_EX | LOCK_NB));
	say(turns);
	CALL(flock(fd, LOCK_EX));
	CLAIM(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
	CALL(flock(fd, LOCK_UN));
}

static void others(int fd)
{
	CALL(fcntl(fd, F_SETLEASE, 7));
	CALL(fcntl(fd, 9999, 0));
	CALL(fcntl(999, F_GETFD));
	CALL(fcntl(fd, F_DUPFD, -1));
	CALL(fcntl(fd, F_DUPFD, 1 << 30));
	CALL(fcntl(fd, F_DUPFD_CLOEXEC, 50));
	CALL(fcntl(50, F_GETFD));
	CALL(fcntl(50, F_SETFD, 0));
	CALL(fcntl(50, F_GETFD));
	CALL(close(50));
	CALL(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_RDONLY));
	CLAIM((fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK | O_ACCMODE)) == (O_APPEND | O_NONBLOCK | O_RDWR));
	CALL(fcntl(fd, F_GETPIPE_SZ));
	int ends[2];
	pipe(ends);
	CALL(fcntl(ends[0], F_GETPIPE_SZ));
	CALL(fcntl(ends[0], F_SETPIPE_SZ, 5000));
	CALL(fcntl(ends[1], F_GETPIPE_SZ));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdtemp(folder);
	chdir(folder);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	CALL(ftruncate(fd, 1000));
	ranges(fd);
	close(fd);
	fd = open("file", O_RDWR);
	descriptions(fd);
	close(fd);
	fd = open("file", O_RDWR);
	wholes(fd);
	close(fd);
	fd = open("file", O_RDWR);
	waiting(fd);
	others(fd);
	CALL(unlink("file"));
	return rmdir(folder);
}
