/* TCP and UDP over the loopback, IPv4 and IPv6: ports, connections, errors that come later. */
#include "claims.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char bytes[400000];
static struct sockaddr_in any = { AF_INET }, home = { AF_INET };

static int reach(int fd, struct sockaddr_in *address)
{
	return connect(fd, (void *)address, sizeof *address);
}

static int take_name(int fd, struct sockaddr_in *address)
{
	return bind(fd, (void *)address, sizeof *address);
}

static struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in address = { 0 };
	socklen_t size = sizeof address;

	getsockname(fd, (void *)&address, &size);
	return address;
}

static void events(const char *what, int fd)
{
	struct pollfd one = { fd, POLLIN | POLLOUT | POLLRDHUP };

	printf("%s: %d %#x\n", what, poll(&one, 1, 0), one.revents);
}

static int error_of(int fd)
{
	int error = -1;
	socklen_t size = sizeof error;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static void making(void)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	struct sockaddr_in address = { AF_INET };

	events("a TCP socket", tcp);
	events("a UDP socket", udp);
	CALL(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	CALL(socket(AF_INET, SOCK_SEQPACKET, 0));
	CALL(socket(AF_INET, 20, 0));
	CALL(read(tcp, bytes, 1));
	CALL(write(tcp, bytes, 1));
	CALL(send(udp, bytes, 1, 0));
	CALL(recv(udp, bytes, 1, MSG_DONTWAIT));
	CALL(accept(tcp, NULL, NULL));
	CALL(accept(udp, NULL, NULL));
	CALL(listen(udp, 1));
	CALL(shutdown(tcp, SHUT_WR));
	CALL(shutdown(udp, SHUT_RD));
	CALL(shutdown(tcp, 5));
	close(tcp);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	CALL(bind(tcp, (void *)&address, 4));
	CALL(bind(tcp, (void *)&address, sizeof address));
	CLAIM(name_of(tcp).sin_port != 0);
	CALL(bind(tcp, (void *)&address, sizeof address));
	address.sin_family = AF_UNIX;
	CALL(bind(udp, (void *)&address, sizeof address));
	CALL(reach(tcp, &address));
	address.sin_family = AF_INET;
	inet_pton(AF_INET, "10.99.98.97", &address.sin_addr);
	CALL(bind(udp, (void *)&address, sizeof address));
	CALL(getpeername(tcp, (void *)&address, &(socklen_t){ sizeof address }));
	close(tcp);
	close(udp);
}

static void ports(void)
{
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	int udp = socket(AF_INET, SOCK_DGRAM, 0), third = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in address;

	CALL(take_name(first, &home));
	address = name_of(first);
	CALL(take_name(second, &address));
	CALL(take_name(udp, &address));
	CALL(take_name(third, &address));
	setsockopt(udp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	CALL(take_name(third, &address));
	setsockopt(third, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	CALL(take_name(third, &address));
	address.sin_addr.s_addr = htonl(INADDR_ANY);
	CALL(take_name(second, &address));
	inet_pton(AF_INET, "127.7.7.7", &address.sin_addr);
	CALL(take_name(second, &address));
	CALL(listen(second, 1));
	close(second);
	second = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(first, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	address = name_of(first);
	CALL(take_name(second, &address));
	CALL(listen(first, 1));
	close(second);
	second = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	CALL(take_name(second, &address));
	CALL(close(first));
	CALL(take_name(second, &address));
	close(second);
	close(udp);
	close(third);
}

static void talking(void)
{
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), end;
	struct sockaddr_in address, peer;
	socklen_t size = sizeof peer;

	CALL(listen(server, 2));
	CALL(listen(server, 4));
	address = name_of(server);
	CLAIM(address.sin_addr.s_addr == INADDR_ANY && address.sin_port != 0);
	events("nobody asked", server);
	CALL(reach(server, &address));
	CALL(reach(client, &address));
	events("somebody asked", server);
	CALL(reach(client, &address));
	CALL(getpeername(client, (void *)&peer, &size));
	CLAIM(peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && peer.sin_port == address.sin_port);
	CALL(write(client, "hello", 5));
	end = accept4(server, (void *)&peer, &size, SOCK_NONBLOCK);
	CLAIM(peer.sin_port == name_of(client).sin_port && peer.sin_family == AF_INET);
	CLAIM(name_of(client).sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CLAIM(name_of(end).sin_port == address.sin_port);
	CLAIM(fcntl(end, F_GETFL) & O_NONBLOCK);
	CALL(recv(end, bytes, 100, MSG_PEEK));
	size = sizeof peer;
	CALL(recvfrom(end, bytes, 3, 0, (void *)&peer, &size));
	CALL(size);
	int waiting;
	CALL(ioctl(end, FIONREAD, &waiting));
	CALL(waiting);
	CALL(recv(end, bytes, 100, 0));
	CALL(recv(end, bytes, 100, 0));
	CALL(sendto(end, "answer", 6, 0, (void *)&address, sizeof address));
	CALL(read(client, bytes, 100));
	events("connected", end);
	CALL(shutdown(client, SHUT_WR));
	events("half closed", end);
	events("by this one", client);
	CALL(read(end, bytes, 1));
	CALL(send(client, "x", 1, MSG_NOSIGNAL));
	CALL(write(end, "late", 4));
	CALL(read(client, bytes, 100));
	CALL(close(end));
	CALL(read(client, bytes, 100));
	events("closed by both", client);
	close(client);
	close(server);
}

static void errors(void)
{
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), end;
	struct sockaddr_in address, dead = { AF_INET };
	struct linger abrupt = { 1, 0 };

	take_name(server, &home);
	dead = name_of(server);
	close(server);
	CALL(reach(client, &dead));
	CALL(error_of(client));
	CALL(fcntl(client, F_SETFL, O_NONBLOCK));
	CALL(reach(client, &dead));
	events("refused", client);
	CALL(error_of(client));
	CALL(error_of(client));
	CALL(reach(client, &dead) == -1 && (errno == ECONNABORTED || errno == EINPROGRESS));
	close(client);
	dead.sin_port = 0;
	client = socket(AF_INET, SOCK_STREAM, 0);
	CALL(reach(client, &dead));
	close(client);
	server = socket(AF_INET, SOCK_STREAM, 0);
	take_name(server, &home);
	listen(server, 5);
	address = name_of(server);
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CALL(reach(client, &address));
	events("on its way", client);
	CALL(error_of(client));
	CALL(reach(client, &address));
	CALL(reach(client, &address));
	end = accept(server, NULL, NULL);
	CALL(write(client, "unread", 6));
	CALL(close(end));
	events("reset", client);
	CALL(read(client, bytes, 1));
	CALL(read(client, bytes, 1));
	CALL(send(client, "x", 1, MSG_NOSIGNAL));
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	reach(client, &address);
	end = accept(server, NULL, NULL);
	CALL(close(end));
	events("closed", client);
	CALL(write(client, "x", 1));
	events("nobody heard it", client);
	CALL(send(client, "x", 1, MSG_NOSIGNAL));
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	reach(client, &address);
	end = accept(server, NULL, NULL);
	CALL(setsockopt(end, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt));
	close(end);
	CALL(read(client, bytes, 1));
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	reach(client, &address);
	CALL(close(server));
	CALL(read(client, bytes, 1));
	close(client);
}

static void letters(void)
{
	int box = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), other = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int third = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in address, from, dead = { AF_INET };
	socklen_t size = sizeof from;

	take_name(box, &any);
	address = name_of(box);
	CALL(sendto(other, "hello", 5, 0, (void *)&address, sizeof address));
	CALL(sendto(other, "", 0, 0, (void *)&address, sizeof address));
	CALL(recvfrom(box, bytes, 3, MSG_TRUNC, (void *)&from, &size));
	CLAIM(from.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && from.sin_port == name_of(other).sin_port);
	CALL(size);
	CALL(recv(box, bytes, 3, 0));
	CALL(recv(box, bytes, 3, 0));
	CALL(reach(box, &from));
	CALL(sendto(third, "stranger", 8, 0, (void *)&address, sizeof address));
	CALL(recv(box, bytes, 10, 0));
	CALL(sendto(other, "friend", 6, 0, (void *)&address, sizeof address));
	CALL(recv(box, bytes, 10, 0));
	CALL(send(box, bytes, 70000, 0));
	CALL(send(box, "back", 4, 0));
	CALL(recv(other, bytes, 10, 0));
	CALL(close(other));
	CALL(send(box, "gone", 4, 0));
	events("nobody there", box);
	CALL(send(box, "gone", 4, 0));
	CALL(error_of(box));
	address.sin_family = AF_UNSPEC;
	CALL(reach(box, &address));
	CALL(send(box, "x", 1, 0));
	dead.sin_port = 0, dead.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CALL(sendto(third, "x", 1, 0, (void *)&dead, sizeof dead));
	CALL(sendto(third, "x", 1, 0, (void *)&dead, 3));
	dead.sin_port = htons(9), dead.sin_addr.s_addr = INADDR_BROADCAST;
	CALL(sendto(third, "x", 1, 0, (void *)&dead, sizeof dead));
	dead.sin_family = AF_UNIX;
	CALL(sendto(third, "x", 1, 0, (void *)&dead, sizeof dead));
	CALL(shutdown(third, SHUT_RDWR));
	CALL(recv(third, bytes, 1, 0));
	close(box);
	close(third);
}

static int number(int fd, int level, int option)
{
	int value = -1;
	socklen_t size = sizeof value;

	return getsockopt(fd, level, option, &value, &size) ? -errno : value;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

static void options(void)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);

	CALL(number(tcp, IPPROTO_TCP, TCP_NODELAY));
	CALL(set(tcp, IPPROTO_TCP, TCP_NODELAY, 7));
	CALL(number(tcp, IPPROTO_TCP, TCP_NODELAY));
	CALL(number(tcp, SOL_SOCKET, SO_REUSEADDR));
	CALL(set(tcp, SOL_SOCKET, SO_REUSEADDR, 1));
	CALL(number(tcp, SOL_SOCKET, SO_REUSEADDR));
	CALL(set(tcp, SOL_SOCKET, SO_REUSEPORT, 1));
	CALL(number(tcp, SOL_SOCKET, SO_REUSEPORT));
	CALL(set(tcp, SOL_SOCKET, SO_KEEPALIVE, 1));
	CALL(number(tcp, SOL_SOCKET, SO_KEEPALIVE));
	CALL(number(tcp, SOL_SOCKET, SO_PROTOCOL));
	CALL(number(udp, SOL_SOCKET, SO_PROTOCOL));
	CALL(number(udp, SOL_SOCKET, SO_TYPE));
	CALL(number(udp, SOL_SOCKET, SO_DOMAIN));
	CALL(number(udp, SOL_SOCKET, SO_BROADCAST));
	CALL(set(udp, SOL_SOCKET, SO_BROADCAST, 5));
	CALL(number(udp, SOL_SOCKET, SO_BROADCAST));
	CALL(number(udp, IPPROTO_TCP, TCP_NODELAY));
	CALL(set(udp, IPPROTO_TCP, TCP_NODELAY, 1));
	CALL(number(tcp, IPPROTO_IPV6, IPV6_V6ONLY));
	CALL(number(tcp, IPPROTO_IP, IP_TTL));
	CALL(set(tcp, SOL_SOCKET, SO_LINGER, 1));
	CALL(set(tcp, SOL_SOCKET, SO_ERROR, 1));
	CALL(number(tcp, SOL_SOCKET, SO_ACCEPTCONN));
	listen(tcp, 1);
	CALL(number(tcp, SOL_SOCKET, SO_ACCEPTCONN));
	close(tcp);
	close(udp);
}

static void six(void)
{
	int server = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0), end;
	int old = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in6 address = { AF_INET6 }, peer;
	struct sockaddr_in four = { AF_INET };
	socklen_t size = sizeof address;
	char text[100];

	if (bind(server, (void *)&address, sizeof address) || listen(server, 5))
		perror("IPv6");
	CALL(getsockname(server, (void *)&address, &size));
	CALL(size);
	four.sin_port = address.sin6_port;
	CALL(take_name(socket(AF_INET, SOCK_STREAM, 0), &four));
	address.sin6_addr = in6addr_loopback;
	CALL(connect(client, (void *)&address, sizeof address));
	CALL(connect(client, (void *)&address, 20));
	size = sizeof peer;
	end = accept(server, (void *)&peer, &size);
	CALL(size);
	CLAIM(IN6_IS_ADDR_LOOPBACK(&peer.sin6_addr));
	CALL(write(end, "six", 3));
	CALL(read(client, bytes, 10));
	close(end);
	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CALL(reach(old, &four));
	size = sizeof peer;
	end = accept(server, (void *)&peer, &size);
	printf("from %s\n", inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text));
	CLAIM(peer.sin6_port == name_of(old).sin_port);
	close(end);
	close(old);
	close(client);
	client = socket(AF_INET6, SOCK_STREAM, 0);
	CALL(number(client, IPPROTO_IPV6, IPV6_V6ONLY));
	CALL(set(client, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	CALL(number(client, IPPROTO_IPV6, IPV6_V6ONLY));
	four.sin_family = AF_INET;
	CALL(connect(client, (void *)&four, sizeof four));
	close(client);
	close(server);
}

static void processes(void)
{
	int server = socket(AF_INET, SOCK_STREAM, 0), end, client, status, total = 0, got;
	struct sockaddr_in address;
	pid_t child;
	struct epoll_event event = { EPOLLIN | EPOLLRDHUP | EPOLLET };

	take_name(server, &home);
	listen(server, 1);
	address = name_of(server);
	child = fork();
	if (!child) {
		client = socket(AF_INET, SOCK_STREAM, 0);
		if (reach(client, &address) || send(client, bytes, sizeof bytes, 0) != sizeof bytes)
			_exit(1);
		shutdown(client, SHUT_WR);
		_exit(read(client, bytes, 100) == 6 ? 7 : 2);
	}
	end = accept(server, NULL, NULL);
	while ((got = read(end, bytes, 100000)) > 0)
		total += got;
	CALL(total);
	int list = epoll_create1(0);
	CALL(epoll_ctl(list, EPOLL_CTL_ADD, end, &event));
	CALL(epoll_wait(list, &event, 1, -1));
	CALL(event.events);
	CALL(write(end, "thanks", 6));
	CLAIM(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
	close(end);
	close(server);
	close(list);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	home.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	making();
	ports();
	talking();
	errors();
	letters();
	options();
	six();
	processes();
	return 0;
}
