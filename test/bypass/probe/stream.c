/* SPDX-License-Identifier: MPL-2.0 */
/* Connections, and sockets that were connected before. */
#include "probe.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int connect_to(int fd, char **w)
{
	union address to;

	return connect(fd, &to.any, read_address(w[0], w[1], &to));
}

static const char *closing(int fd, const char *said)
{
	if (fd >= 0)
		close(fd);
	return said;
}

static const char *connect_and_send(int fd, char **w, int count)
{
	long result;

	if (fd < 0)
		return outcome(-1);
	result = connect_to(fd, w);
	if (!result && count > 2)
		result = send(fd, w[2], strlen(w[2]), MSG_NOSIGNAL);
	return closing(fd, outcome(result));
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

/* tcp-option OPTION ADDRESS PORT [TEXT] */
static const char *tcp_option(char **w, int count)
{
	int fd = open_socket(w[1], SOCK_STREAM, 0);

	if (set_option(fd, w[0]))
		return closing(fd, sentence("option: %s", strerrorname_np(errno)));
	return connect_and_send(fd, w + 1, count - 1);
}

/* fast-open ADDRESS PORT TEXT: data with the first segment, and no call to connect */
static const char *fast_open(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0);
	union address to;
	socklen_t size = read_address(w[0], w[1], &to);

	(void)count;
	return closing(fd, outcome(sendto(fd, w[2], strlen(w[2]), MSG_FASTOPEN | MSG_NOSIGNAL,
					  &to.any, size)));
}

/* mptcp-fast-open ADDRESS PORT TEXT */
static const char *mptcp_fast_open(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, IPPROTO_MPTCP);
	union address to;
	socklen_t size = read_address(w[0], w[1], &to);

	(void)count;
	return closing(fd, outcome(sendto(fd, w[2], strlen(w[2]), MSG_FASTOPEN | MSG_NOSIGNAL,
					  &to.any, size)));
}

/* fast-open-connect ADDRESS PORT TEXT: connect returns at once, the first write sends */
static const char *fast_open_connect(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0), on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)))
		return closing(fd, outcome(-1));
	return connect_and_send(fd, w, count);
}

/* Takes a connection back (connect(2), AF_UNSPEC): the socket is as new, and what was known of it stays. */
static int disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	return connect(fd, &none, sizeof(none));
}

/* reconnect ADDRESS PORT ADDRESS PORT TEXT: by one TCP socket, first here, then there */
static const char *reconnect(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0);

	if (connect_to(fd, w))
		return closing(fd, sentence("first: %s", strerrorname_np(errno)));
	if (disconnect(fd))
		return closing(fd, sentence("disconnect: %s", strerrorname_np(errno)));
	return connect_and_send(fd, w + 2, count - 2);
}

static int wait_for(const char *path)
{
	int tries;

	for (tries = 0; tries < 1500 && access(path, F_OK); tries++)
		usleep(20000);
	return access(path, F_OK);
}

static void tell(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

static int listen_at(int fd, const char *port)
{
	union address own;
	socklen_t size = read_address("0.0.0.0", port, &own);
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, &own.any, size) || listen(fd, 4) ? -1 : 0;
}

/* Takes one connection, answers on it; waits for a few seconds at most. */
static const char *serve(int fd, const char *text)
{
	int peer = -1, tries;
	const char *said;

	for (tries = 0; tries < 3 && peer < 0; tries++)
		peer = accept(fd, NULL, NULL);
	if (peer < 0)
		return closing(fd, sentence("accept: %s", strerrorname_np(errno)));
	said = outcome(send(peer, text, strlen(text), MSG_NOSIGNAL));
	usleep(200000);
	close(peer);
	return closing(fd, said);
}

/* listen PORT FILE TEXT: tells by the file that it listens, answers whoever connects */
static const char *listening(char **w, int count)
{
	int fd = open_socket("0.0.0.0", SOCK_STREAM, 0);

	(void)count;
	if (listen_at(fd, w[0]))
		return closing(fd, outcome(-1));
	tell(w[1]);
	return serve(fd, w[2]);
}

/* relisten ADDRESS PORT PORT FILE TEXT: the same by a socket that was connected to the address before */
static const char *relisten(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0);

	(void)count;
	if (connect_to(fd, w) || disconnect(fd) || listen_at(fd, w[2]))
		return closing(fd, outcome(-1));
	tell(w[3]);
	return serve(fd, w[4]);
}

/* hold ADDRESS PORT FILE FILE TEXT: connects, tells it by the first file, sends when the second is there */
static const char *hold(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0);
	long result;

	(void)count;
	if (connect_to(fd, w))
		return closing(fd, outcome(-1));
	tell(w[2]);
	result = wait_for(w[3]) ? -1 : send(fd, w[4], strlen(w[4]), MSG_NOSIGNAL);
	usleep(300000);
	return closing(fd, outcome(result));
}

/* wait FILE FILE: tells by the first that it has come so far, goes on when the second is there */
static const char *waiting(char **w, int count)
{
	(void)count;
	tell(w[0]);
	return outcome(wait_for(w[1]));
}

/* http ADDRESS PORT HOST PATH: the first line of the answer */
static const char *http(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0);
	char text[MAX_BYTES];
	ssize_t n;

	(void)count;
	if (connect_to(fd, w))
		return closing(fd, outcome(-1));
	strcpy(text, sentence("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", w[3], w[2]));
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return closing(fd, outcome(-1));
	n = recv(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\r\n")] = 0;
	return closing(fd, n < 0 ? outcome(-1) : sentence("%s", text));
}

const struct step stream_steps[] = {
	{ "tcp", 2, tcp },
	{ "tcp-option", 3, tcp_option },
	{ "mptcp", 2, mptcp },
	{ "mptcp-fast-open", 3, mptcp_fast_open },
	{ "fast-open", 3, fast_open },
	{ "fast-open-connect", 3, fast_open_connect },
	{ "reconnect", 4, reconnect },
	{ "listen", 3, listening },
	{ "relisten", 5, relisten },
	{ "hold", 5, hold },
	{ "wait", 2, waiting },
	{ "http", 4, http },
	{ 0 },
};
