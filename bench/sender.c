/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Sends small packets as fast as it can. Each line on stdin is a number: it sends so many, over the
 * destinations in turn, and answers how many the kernel took and how many it refused.
 *
 * Usage: sender KIND PORT PORTS ADDRESS...      (destinations: PORTS ports from PORT on, of each address)
 * KIND: udp (one unconnected socket), connected, tcp, fresh (a new socket for each packet)
 *
 * The socket is made by the first line, so that the process can be put into a cgroup before.
 */
#define _GNU_SOURCE
#include "bench.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ADDRESSES 64

static struct sockaddr_in to[MAX_ADDRESSES];
static long addresses, ports, first_port;
static const char payload[64] = "torwacht bench";

/* Destinations in turn: every address of the first port, then of the next. */
static struct sockaddr_in *destination(long k)
{
	struct sockaddr_in *dest = &to[k % addresses];

	dest->sin_port = htons((unsigned short)(first_port + k / addresses % ports));
	return dest;
}

static int open_socket(int type, int connected)
{
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || (connected && connect(fd, (struct sockaddr *)destination(0), sizeof(to[0]))))
		die("sender");
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fd;
}

static ssize_t send_to(int fd, long k)
{
	return sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)destination(k), sizeof(to[0]));
}

int main(int argc, char **argv)
{
	int fresh, stream, connected, fd = -1, i;
	char line[64];
	long done = 0;

	addresses = argc - 4;
	if (addresses < 1 || addresses > MAX_ADDRESSES)
		return 2;
	assert_inside_lab();
	stream = !strcmp(argv[1], "tcp");
	connected = stream || !strcmp(argv[1], "connected");
	fresh = !strcmp(argv[1], "fresh");
	first_port = atol(argv[2]);
	ports = atol(argv[3]);
	for (i = 0; i < addresses; i++) {
		to[i].sin_family = AF_INET;
		if (inet_pton(AF_INET, argv[4 + i], &to[i].sin_addr) != 1)
			return 2;
	}
	while (next_command(line, sizeof(line))) {
		long count = atol(line), sent = 0, refused = 0, end = done + count;

		if (fd < 0 && !fresh)
			fd = open_socket(stream ? SOCK_STREAM : SOCK_DGRAM, connected);
		for (; done < end; done++) {
			ssize_t n;

			if (fresh)
				fd = open_socket(SOCK_DGRAM, 0);
			n = connected ? send(fd, payload, sizeof(payload), MSG_NOSIGNAL) : send_to(fd, done);
			sent += n > 0;
			refused += n < 0 && errno == EPERM;
			if (fresh)
				close(fd);
		}
		printf("%ld %ld\n", sent, refused);
	}
	return 0;
}
