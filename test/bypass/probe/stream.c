/* SPDX-License-Identifier: MPL-2.0 */
/* Connections. */
#include "probe.h"

#include <netinet/tcp.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static const char *connect_and_send(int fd, char **w, int count)
{
	union address to;
	const char *said;
	long result = fd;

	if (fd < 0)
		return outcome(-1);
	result = connect(fd, &to.any, read_address(w[0], w[1], &to));
	if (!result && count > 2)
		result = send(fd, w[2], strlen(w[2]), MSG_NOSIGNAL);
	said = outcome(result);
	close(fd);
	return said;
}

/* tcp ADDRESS PORT [TEXT] */
static const char *tcp(char **w, int count)
{
	return connect_and_send(open_socket(w[0], SOCK_STREAM, 0), w, count);
}

/* mptcp ADDRESS PORT [TEXT] */
static const char *mptcp(char **w, int count)
{
	return connect_and_send(open_socket(w[0], SOCK_STREAM, IPPROTO_MPTCP), w, count);
}

/* fast-open ADDRESS PORT TEXT: data with the first segment, and no call to connect */
static const char *fast_open(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0);
	union address to;
	socklen_t size = read_address(w[0], w[1], &to);
	const char *said;

	(void)count;
	said = outcome(sendto(fd, w[2], strlen(w[2]), MSG_FASTOPEN | MSG_NOSIGNAL, &to.any, size));
	close(fd);
	return said;
}

/* fast-open-connect ADDRESS PORT TEXT: connect returns at once, the first write sends */
static const char *fast_open_connect(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0), on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)))
		return outcome(-1);
	return connect_and_send(fd, w, count);
}

const struct step stream_steps[] = {
	{ "tcp", 2, tcp },
	{ "mptcp", 2, mptcp },
	{ "fast-open", 3, fast_open },
	{ "fast-open-connect", 3, fast_open_connect },
	{ 0 },
};
