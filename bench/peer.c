/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The other side of the lab's link, as cheap as it can be: it must not be what is measured.
 *
 * Usage: peer PORT      prints a line when it listens
 *   UDP PORT            takes datagrams and never looks at them
 *   TCP PORT            reads and discards, on any number of connections
 *   TCP PORT+1          answers each request of 128 bytes with 1024 bytes, one connection after the other;
 *                       a request that begins with 'c' is the last of its connection
 */
#define _GNU_SOURCE
#include "bench.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST 128
#define REPLY 1024

static char buffer[1 << 18];

static int bound(int type, int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	int fd = socket(AF_INET, type, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
	    (type == SOCK_STREAM && listen(fd, 128)))
		die("peer");
	return fd;
}

/* A child that ends with its parent. */
static int child(void)
{
	if (fork())
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return 1;
}

static void discard(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		if (child()) {
			while (read(fd, buffer, sizeof(buffer)) > 0)
				;
			_exit(0);
		}
		close(fd);
	}
}

static void serve(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	while (recv(fd, buffer, REQUEST, MSG_WAITALL) == REQUEST) {
		if (send(fd, buffer, REPLY, MSG_NOSIGNAL) != REPLY || buffer[0] == 'c')
			break;
	}
	/* Closing first leaves the wait for late segments on this side. */
	close(fd);
}

int main(int argc, char **argv)
{
	int port = argc == 2 ? atoi(argv[1]) : 0, discards, requests;

	if (!port)
		return 2;
	assert_inside_lab();
	signal(SIGCHLD, SIG_IGN);
	bound(SOCK_DGRAM, port);
	discards = bound(SOCK_STREAM, port);
	requests = bound(SOCK_STREAM, port + 1);
	puts("listening");
	fflush(stdout);
	if (child())
		discard(discards);
	for (;;) {
		int fd = accept(requests, NULL, NULL);

		if (fd < 0)
			die("accept");
		serve(fd);
	}
}
