/* Pipes without a name, opened anew in /proc/self/fd: nobody waits for the other end. And a fifo whose
   writer waited: it is one writer, and when it has closed its end, that is the end. */
#include "claims.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int opened(int fd, int flags)
{
	char path[40];

	sprintf(path, "/proc/self/fd/%d", fd);
	return open(path, flags);
}

static void without_a_writer(void)
{
	int ends[2], again;
	char text[8];

	CALL(pipe(ends));
	CALL(write(ends[1], "left", 5));
	CALL(close(ends[1]));
	CLAIM((again = opened(ends[0], O_RDONLY)) > ends[0]);
	CALL(read(again, text, sizeof text));
	CALL(read(ends[0], text, sizeof text));
	close(again);
	CLAIM((again = opened(ends[0], O_WRONLY)) > ends[0]);
	CALL(write(again, "new", 3));
	CALL(read(ends[0], text, sizeof text));
}

static void what_is_shown(void)
{
	char path[40], target[100] = "";
	int fd = open("/etc/passwd", O_RDONLY);

	sprintf(path, "/proc/self/fd/%d", opened(fd, O_RDONLY));
	CALL(readlink(path, target, sizeof target - 1));
	printf("%s\n", target);
	close(fd);
}

static void without_a_reader(void)
{
	int ends[2];

	CALL(pipe(ends));
	CALL(close(ends[0]));
	CLAIM(opened(ends[1], O_WRONLY) >= 0);
	CLAIM(opened(ends[1], O_WRONLY | O_NONBLOCK) >= 0);
	CLAIM(opened(ends[1], O_RDONLY | O_NONBLOCK) >= 0);
}

static void a_writer_that_waited(void)
{
	char folder[] = "/tmp/reopened-XXXXXX", path[40], text[8];
	int fd;

	sprintf(path, "%s/fifo", mkdtemp(folder));
	CALL(mkfifo(path, 0600));
	if (!fork()) {
		fd = open(path, O_WRONLY);
		_exit(write(fd, "waited", 7) != 7);
	}
	usleep(20000);
	CLAIM((fd = open(path, O_RDONLY)) >= 0);
	CALL(read(fd, text, sizeof text));
	CALL(read(fd, text, sizeof text));
	wait(NULL);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	a_writer_that_waited();
	what_is_shown();
	without_a_writer();
	without_a_reader();
	return 0;
}
