/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A TCP client of bench/peer.c. Usage: client ADDRESS PORT; then commands, one a line, each answered by
 * what it got a second:
 *
 *   stream MS          bytes, sent by one connection for so long and taken by the other side
 *   keep COUNT         requests, one after the other on one connection
 *   connect COUNT      requests, each on a connection of its own
 */
#define _GNU_SOURCE
#include "bench.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST 128
#define REPLY 1024

static struct sockaddr_in peer = { .sin_family = AF_INET };
static char buffer[1 << 17];

static int open_to(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	peer.sin_port = htons((unsigned short)port);
	if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		die("client");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fd;
}

static double stream(int port, long ms)
{
	int fd = open_to(port);
	long long start = now_ns(), end = start + ms * 1000000ll, sent = 0;

	while (now_ns() < end) {
		ssize_t n = send(fd, buffer, sizeof(buffer), MSG_NOSIGNAL);

		if (n < 0)
			die("send");
		sent += n;
	}
	/* The clock runs until the other side has taken it all. */
	shutdown(fd, SHUT_WR);
	while (recv(fd, buffer, sizeof(buffer), 0) > 0)
		;
	end = now_ns();
	close(fd);
	return (double)sent * 1e9 / (double)(end - start);
}

static void request(int fd, char kind)
{
	buffer[0] = kind;
	if (send(fd, buffer, REQUEST, MSG_NOSIGNAL) != REQUEST ||
	    recv(fd, buffer, REPLY, MSG_WAITALL) != REPLY)
		die("request");
}

static double requests(int port, long count, int keep)
{
	long long start = now_ns();
	int fd = keep ? open_to(port) : -1;
	long k;

	for (k = 0; k < count; k++) {
		if (!keep)
			fd = open_to(port);
		request(fd, keep ? 'k' : 'c');
		if (!keep) {
			recv(fd, buffer, sizeof(buffer), 0);	/* the other side's end */
			close(fd);
		}
	}
	if (keep)
		close(fd);
	return (double)count * 1e9 / (double)(now_ns() - start);
}

int main(int argc, char **argv)
{
	char line[64], what[16];
	long count;
	int port;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1)
		return 2;
	assert_inside_lab();
	port = atoi(argv[2]);
	while (next_command(line, sizeof(line))) {
		if (sscanf(line, "%15s %ld", what, &count) != 2)
			return 2;
		if (!strcmp(what, "stream"))
			printf("%.0f\n", stream(port, count));
		else if (!strcmp(what, "keep") || !strcmp(what, "connect"))
			printf("%.3f\n", requests(port + 1, count, !strcmp(what, "keep")));
		else
			return 2;
	}
	return 0;
}
