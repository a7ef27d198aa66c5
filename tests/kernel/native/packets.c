/* Packet mode of pseudo-terminals, and a slave that is opened through its master. */
#include "claims.h"
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
static char bytes[100];

/* What a read of the master gives: its length and its first byte. */
static void heard(int master)
{
	bytes[0] = bytes[1] = 99;
	long size = read(master, bytes, sizeof bytes);
	printf("read %ld: %d %d\n", size, bytes[0], bytes[1]);
}

int main(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), slave, number = 1, ends[2];
	struct termios settings;
	struct pollfd watched = { master, POLLIN | POLLPRI, 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	CALL(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	number = 0;
	CALL(ioctl(master, TIOCSPTLCK, &number));
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CLAIM(slave > 0);
	CALL(fcntl(slave, F_GETFD));
	CALL(fcntl(slave, F_GETFL) & O_ACCMODE);
	CALL(isatty(slave));
	CALL(ioctl(slave, TIOCGPTPEER, O_RDWR));
	pipe(ends);
	CALL(ioctl(ends[0], TIOCGPTPEER, O_RDWR));
	CALL(ioctl(master, TIOCGPKT, &number));
	CALL(number);
	number = 1;
	CALL(ioctl(slave, TIOCPKT, &number));
	CALL(ioctl(master, TIOCPKT, &number));
	number = 7;
	CALL(ioctl(master, TIOCGPKT, &number));
	CALL(number);
	CALL(ioctl(slave, TIOCGPKT, &number));
	CALL(write(slave, "ab", 2));
	heard(master);
	CALL(poll(&watched, 1, 0));
	CALL(tcflush(slave, TCIFLUSH));
	CALL(poll(&watched, 1, 0));
	CALL(watched.revents);
	heard(master);
	CALL(tcflush(slave, TCIOFLUSH));
	heard(master);
	CALL(tcflush(slave, TCOFLUSH));
	heard(master);
	tcgetattr(slave, &settings);
	settings.c_iflag &= ~IXON;
	CALL(tcsetattr(slave, TCSANOW, &settings));
	heard(master);
	CALL(tcsetattr(slave, TCSANOW, &settings));
	CALL(poll(&watched, 1, 0));
	settings.c_iflag |= IXON;
	CALL(tcsetattr(slave, TCSANOW, &settings));
	CALL(write(slave, "cd", 2));
	heard(master);
	heard(master);
	settings.c_cc[VSTOP] = 1;
	CALL(tcsetattr(slave, TCSAFLUSH, &settings));
	heard(master);
	CALL(write(slave, "efg", 3));
	CALL(read(master, bytes, 2));
	CALL(bytes[1]);
	CALL(read(master, bytes, 10));
	number = 0;
	CALL(ioctl(master, TIOCPKT, &number));
	CALL(tcflush(slave, TCIFLUSH));
	CALL(write(slave, "h", 1));
	CALL(read(master, bytes, 10));
	CALL(bytes[0]);
	return 0;
}
