/* Pseudo-terminals: lines, echoes, signals, whose terminal it is, and the end of it. */
#include "claims.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

static int master, slave;
static char bytes[5000];

static void open_pair(void)
{
	char name[40];
	int number = -1, unlocked = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	ioctl(master, TIOCGPTN, &number);
	ioctl(master, TIOCSPTLCK, &unlocked);
	sprintf(name, "/dev/pts/%d", number);
	slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
}

static void close_pair(void)
{
	close(slave);
	close(master);
}

/* What an end gives now, with control characters made visible. */
static void shows(const char *what, int fd)
{
	int i, size = (errno = 0, read(fd, bytes, sizeof bytes));

	printf("%s: ", what);
	if (size < 0)
		printf("%s", strerrorname_np(errno));
	for (i = 0; i < size; i++)
		if (bytes[i] < 32 || bytes[i] == 127)
			printf("\\%d", bytes[i]);
		else
			putchar(bytes[i]);
	printf(" (%d)\n", size);
}

/* Linux lets a worker carry the bytes over: it has some time. */
static void types(const char *keys)
{
	write(master, keys, strlen(keys));
	usleep(40000);
}

static void events(const char *what, int fd)
{
	struct pollfd one = { fd, POLLIN | POLLOUT | POLLPRI };

	printf("%s: %d %#x\n", what, poll(&one, 1, 0), one.revents);
}

static void local(tcflag_t off, tcflag_t on)
{
	struct termios t;

	tcgetattr(slave, &t);
	t.c_lflag = (t.c_lflag & ~off) | on;
	CALL(tcsetattr(slave, TCSANOW, &t));
}

static void opening(void)
{
	struct termios t;
	struct winsize w = { 1, 2, 3, 4 };
	char name[40];
	int number = -1, locked = -1;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CALL(ioctl(master, TIOCGPTN, &number));
	CLAIM(number >= 0);
	sprintf(name, "/dev/pts/%d", number);
	CALL(ioctl(master, TIOCGPTLCK, &locked));
	CALL(locked);
	CALL(open(name, O_RDWR | O_NOCTTY));
	locked = 0;
	CALL(ioctl(master, TIOCSPTLCK, &locked));
	CLAIM((slave = open(name, O_RDWR | O_NOCTTY)) >= 0);
	CALL(isatty(master));
	CALL(isatty(slave));
	CALL(tcgetattr(slave, &t));
	printf("%#x %#x %#x %#x\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
	CALL(tcgetattr(master, &t));
	printf("%#x %#x %#x %#x\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
	for (number = 0; number < 17; number++)
		printf("%d ", t.c_cc[number]);
	printf("\n");
	CALL(ioctl(slave, TIOCGWINSZ, &w));
	printf("%d %d\n", w.ws_row, w.ws_col);
	w.ws_row = 24, w.ws_col = 80;
	CALL(ioctl(master, TIOCSWINSZ, &w));
	w.ws_row = 0;
	CALL(ioctl(slave, TIOCGWINSZ, &w));
	printf("%d %d\n", w.ws_row, w.ws_col);
	CALL(ioctl(slave, TIOCGPTN, &number));
	CALL(ioctl(slave, TIOCGPGRP, &number));
	CALL(ioctl(slave, TIOCGSID, &number));
	CALL(ioctl(slave, 0x5499, &number));
	CALL(ioctl(slave, TCGETS, 8));
	CALL(lseek(slave, 0, SEEK_SET));
	CALL(pread(slave, bytes, 1, 0));
	CALL(ftruncate(slave, 0));
	close_pair();
}

static void lines(void)
{
	open_pair();
	events("a slave without a line", slave);
	types("hel");
	events("half a line", slave);
	shows("half a line", slave);
	types("lo\rnext");
	events("a line", slave);
	int waiting;
	CALL(ioctl(slave, FIONREAD, &waiting));
	CALL(waiting);
	shows("a line", slave);
	shows("its echo", master);
	types("\177\177XY\n");
	shows("corrected", slave);
	shows("as one saw it", master);
	types("a word or two\027\n");
	shows("a word erased", slave);
	shows("as one saw it", master);
	types("nothing\025\n");
	shows("a line killed", slave);
	shows("as one saw it", master);
	types("no end\004");
	shows("without newline", slave);
	types("\004");
	shows("end of file", slave);
	shows("then", slave);
	types("\001\t\033\n");
	shows("controls", slave);
	shows("as one saw them", master);
	types("\026\003\026\n\n");
	shows("literal", slave);
	shows("as one saw it", master);
	types("one\ntwo\n");
	CALL(read(slave, bytes, 2));
	shows("the rest", slave);
	shows("the second", slave);
	shows("both", master);
	write(slave, "x\ny\rz", 5);
	shows("written", master);
	types("typed ahead\n");
	CALL(tcflush(slave, TCIFLUSH));
	shows("flushed", slave);
	CALL(tcflush(slave, 7));
	close_pair();
}

static void modes(void)
{
	struct termios t;

	open_pair();
	local(ECHO, 0);
	types("unseen\n");
	shows("read", slave);
	shows("no echo", master);
	local(ICANON, 0);
	types("ab\177\n\004");
	shows("as it comes", slave);
	shows("nothing", slave);
	tcgetattr(slave, &t);
	t.c_cc[VMIN] = 0;
	tcsetattr(slave, TCSANOW, &t);
	shows("no patience", slave);
	t.c_cc[VMIN] = 3;
	tcsetattr(slave, TCSANOW, &t);
	types("ab");
	events("too few", slave);
	shows("too few", slave);
	types("c");
	shows("enough", slave);
	cfmakeraw(&t);
	tcsetattr(slave, TCSAFLUSH, &t);
	types("\r\n\003");
	shows("raw", slave);
	write(slave, "a\n", 2);
	shows("raw too", master);
	t.c_lflag |= ECHO | ICANON, t.c_iflag |= INLCR;
	tcsetattr(slave, TCSANOW, &t);
	types("x\n\r\n");
	shows("swapped", slave);
	close_pair();
}

static volatile int got;

static void note(int signal)
{
	got = signal;
}

/* In a session of its own: what the terminal sends. */
static int session(void)
{
	int group = -1, other, status, number;

	setvbuf(stdout, NULL, _IOLBF, 0);
	CLAIM(setsid() == getpid());
	open_pair();
	CALL(open("/dev/tty", O_RDWR));
	CALL(ioctl(slave, TIOCGPGRP, &group));
	CALL(ioctl(slave, TIOCSCTTY, 0));
	CALL(ioctl(slave, TIOCSCTTY, 0));
	CALL(ioctl(slave, TIOCGPGRP, &group));
	CLAIM(group == getpid());
	CALL(ioctl(master, TIOCGPGRP, &group));
	CALL(ioctl(slave, TIOCGSID, &group));
	CLAIM(group == getpid());
	CALL((other = open("/dev/tty", O_RDWR)) >= 0);
	CALL(write(other, "by its other name\n", 18));
	usleep(40000);
	shows("shown", master);
	signal(SIGINT, note);
	signal(SIGQUIT, note);
	signal(SIGWINCH, note);
	types("gone\003");
	CALL(got);
	shows("after ^C", slave);
	shows("as one saw it", master);
	types("\034");
	CALL(got);
	struct winsize w = { 10, 20 };
	ioctl(slave, TIOCSWINSZ, &w);
	CALL(got);
	got = 0;
	ioctl(slave, TIOCSWINSZ, &w);
	CALL(got);
	local(ISIG, 0);
	types("\003");
	CALL(got);
	local(0, ISIG);
	if (!(other = fork())) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		signal(SIGTTIN, SIG_IGN);
		errno = 0;
		if (read(slave, bytes, 1) != -1 || errno != EIO)
			_exit(1);
		if (tcsetpgrp(slave, getpid()) || tcgetpgrp(slave) != getpid())
			_exit(2);
		_exit(3);
	}
	waitpid(other, &status, 0);
	CALL(WEXITSTATUS(status));
	CLAIM(tcgetpgrp(slave) == other);
	signal(SIGTTOU, SIG_IGN);
	CALL(tcsetpgrp(slave, 999999));
	CALL(tcsetpgrp(slave, getpid()));
	if (!(other = fork())) {
		setpgid(0, 0);
		read(slave, bytes, 1);
		_exit(4);
	}
	waitpid(other, &status, WUNTRACED);
	CLAIM(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
	kill(other, SIGKILL);
	waitpid(other, &status, 0);
	signal(SIGHUP, note);
	CALL(close(master));
	CALL(got);
	shows("hung up", slave);
	CALL(write(slave, "x", 1));
	events("hung up", slave);
	CALL(ioctl(slave, TIOCGPGRP, &number));
	return 0;
}

static void ending(void)
{
	char name[40];
	int number;

	open_pair();
	events("quiet", master);
	write(slave, "last words", 10);
	events("words", master);
	ioctl(master, TIOCGPTN, &number);
	close(slave);
	events("words and an end", master);
	shows("last words", master);
	shows("then", master);
	sprintf(name, "/dev/pts/%d", number);
	CLAIM((slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK)) >= 0);
	shows("again", master);
	close(master);
	shows("no master", slave);
	CALL(open(name, O_RDWR));
	close(slave);
}

int main(void)
{
	int status;
	pid_t child;

	setvbuf(stdout, NULL, _IOLBF, 0);
	opening();
	lines();
	modes();
	ending();
	child = fork();
	if (!child)
		exit(session());
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}
