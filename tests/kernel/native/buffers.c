/* How much of each size a socket of AF_UNIX takes before it is full, and when it takes more again. */
#include "claims.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

static char bytes[300000];
static const int sizes[] = {0, 1, 100, 128, 200, 500, 1000, 2000, 4096, 8192, 20000, 32768, 65536, 100000, 212000};
static const int sorts[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

static void fill(int sort, int size)
{
	int ends[2], sent = 0;
	long total = 0, result;

	if (sort == SOCK_STREAM && !size)
		return;
	socketpair(AF_UNIX, sort | SOCK_NONBLOCK, 0, ends);
	while (sent < 1000 && (result = send(ends[0], bytes, size, 0)) >= 0) {
		sent++;
		total += result;
	}
	printf("%d: %d times %d bytes are %ld\n", sort, sent, size, total);
	CALL(send(ends[0], bytes, size, 0));
	CALL(recv(ends[1], bytes, sizeof bytes, 0) > 0 || !size);
	CALL(send(ends[0], bytes, size ? size : 1, 0));
	CALL(recv(ends[1], bytes, 1, 0));
	close(ends[0]);
	while (recv(ends[1], bytes, sizeof bytes, 0) > 0)
		;
	close(ends[1]);
}

int main(void)
{
	for (unsigned sort = 0; sort < 3; sort++)
		for (unsigned size = 0; size < sizeof sizes / sizeof *sizes; size++)
			fill(sorts[sort], sizes[size]);
	return 0;
}
