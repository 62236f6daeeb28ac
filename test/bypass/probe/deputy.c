/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Asks a program that is elsewhere to do it: over a Unix socket, over TCP, through a named pipe. What is
 * asked is a line: `ADDRESS PORT TEXT`; the deputy connects, sends, and says `ok`.
 */
#include "probe.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

static const char *ask(int fd, char **w)
{
	const char *said;
	char line[256];
	ssize_t n;

	n = snprintf(line, sizeof(line), "%s %s %s\n", w[0], w[1], w[2]);
	if (send(fd, line, (size_t)n, MSG_NOSIGNAL) < 0)
		return outcome(-1);
	n = recv(fd, line, sizeof(line) - 1, 0);
	said = n < 0 ? outcome(-1) : sentence("%.*s", (int)strcspn(line, "\n"), line);
	return n ? said : "closed";
}

/* A name that begins with @ is abstract. */
static socklen_t read_name(const char *name, struct sockaddr_un *out)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	strncpy(out->sun_path, name, sizeof(out->sun_path) - 1);
	if (name[0] != '@')
		return sizeof(*out);
	out->sun_path[0] = 0;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

static int unix_socket(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	be_patient(fd);
	return fd;
}

/* ask-unix NAME ADDRESS PORT TEXT */
static const char *ask_unix(char **w, int count)
{
	struct sockaddr_un to;
	socklen_t size = read_name(w[0], &to);
	int fd = unix_socket(SOCK_STREAM);
	const char *said;

	(void)count;
	said = connect(fd, (struct sockaddr *)&to, size) ? outcome(-1) : ask(fd, w + 1);
	close(fd);
	return said;
}

/* tell-unix NAME ADDRESS PORT TEXT: a datagram */
static const char *tell_unix(char **w, int count)
{
	struct sockaddr_un to;
	socklen_t size = read_name(w[0], &to);
	int fd = unix_socket(SOCK_DGRAM);
	const char *said;
	char line[256];
	ssize_t n = snprintf(line, sizeof(line), "%s %s %s\n", w[1], w[2], w[3]);

	(void)count;
	said = outcome(sendto(fd, line, (size_t)n, 0, (struct sockaddr *)&to, size));
	close(fd);
	return said;
}

/* own-unix NAME: two sockets of this process talk by that name, by stream and by datagram */
static const char *own_unix(char **w, int count)
{
	struct sockaddr_un at;
	socklen_t size = read_name(w[0], &at);
	int server = unix_socket(SOCK_STREAM), client = unix_socket(SOCK_STREAM);
	int box = unix_socket(SOCK_DGRAM), sender = unix_socket(SOCK_DGRAM);
	const char *said = "ok";
	char byte;

	(void)count;
	if (bind(server, (struct sockaddr *)&at, size) || listen(server, 1) ||
	    connect(client, (struct sockaddr *)&at, size) ||
	    bind(box, (struct sockaddr *)&at, size) ||
	    sendto(sender, "x", 1, 0, (struct sockaddr *)&at, size) < 0 ||
	    recv(box, &byte, 1, 0) < 0 || connect(sender, (struct sockaddr *)&at, size) ||
	    send(sender, "y", 1, 0) < 0)
		said = outcome(-1);
	close(server);
	close(client);
	close(box);
	close(sender);
	return said;
}

/* ask-tcp HOST PORT ADDRESS PORT TEXT */
static const char *ask_tcp(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0);
	union address to;
	const char *said;

	(void)count;
	said = connect(fd, &to.any, read_address(w[0], w[1], &to)) ? outcome(-1) : ask(fd, w + 2);
	close(fd);
	return said;
}

static void fulfil(char *line)
{
	char *words[4] = { "tcp", strtok(line, " "), strtok(NULL, " "), strtok(NULL, "\n") };

	if (words[3])
		obey_words(words, 4);
}

/* serve-unix NAME COUNT: so many requests by stream or datagram, ten seconds at most */
static const char *serve_unix(char **w, int count)
{
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int box = unix_socket(SOCK_DGRAM);
	int left = atoi(w[1]), client, i;
	struct sockaddr_un at;
	socklen_t size = read_name(w[0], &at);
	char line[256];
	ssize_t n;

	(void)count;
	if (bind(server, (struct sockaddr *)&at, size) || listen(server, 8) ||
	    bind(box, (struct sockaddr *)&at, size))
		return outcome(-1);
	for (i = 0; left > 0 && i < 500; i++) {
		client = accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (client >= 0) {
			be_patient(client);
			fcntl(client, F_SETFL, 0);
			n = recv(client, line, sizeof(line) - 1, 0);
			line[n > 0 ? n : 0] = 0;
			fulfil(line);
			left -= send(client, "done\n", 5, MSG_NOSIGNAL) == 5;
			close(client);
		}
		n = recv(box, line, sizeof(line) - 1, MSG_DONTWAIT);
		if (n > 0) {
			line[n] = 0;
			fulfil(line);
			left--;
		}
		usleep(20000);
	}
	close(server);
	close(box);
	return sentence("%d left", left);
}

static const char *bind_and_say(char **w, int type, int reuse)
{
	int fd = open_socket(w[0], type, 0), result;
	union address at;
	const char *said;

	if (reuse) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &reuse, sizeof(reuse));
	}
	result = bind(fd, &at.any, read_address(w[0], w[1], &at));
	said = outcome(result);
	close(fd);
	return said;
}

/* bind-udp ADDRESS PORT [join]: joining is with SO_REUSEPORT */
static const char *bind_udp(char **w, int count)
{
	return bind_and_say(w, SOCK_DGRAM, count > 2);
}

/* bind-tcp ADDRESS PORT [join] */
static const char *bind_tcp(char **w, int count)
{
	return bind_and_say(w, SOCK_STREAM, count > 2);
}

/* catch-udp ADDRESS PORT: what comes first, five seconds at most */
static const char *catch_udp(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_DGRAM, 0), i;
	union address at;
	char text[256];
	ssize_t n = -1;

	(void)count;
	if (bind(fd, &at.any, read_address(w[0], w[1], &at)))
		return outcome(-1);
	for (i = 0; n < 0 && i < 7; i++)
		n = recv(fd, text, sizeof(text), 0);
	close(fd);
	return n < 0 ? outcome(-1) : sentence("%.*s", (int)n, text);
}

/* write-line PATH WORD…: into a file or a named pipe that is there */
static const char *write_line(char **w, int count)
{
	int fd = open(w[0], O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), i;
	const char *said = "ok";

	if (fd < 0)
		return outcome(-1);
	for (i = 1; i < count; i++)
		if (dprintf(fd, "%s%c", w[i], i + 1 < count ? ' ' : '\n') < 0)
			said = outcome(-1);
	close(fd);
	return said;
}

const struct step deputy_steps[] = {
	{ "ask-unix", 4, ask_unix },
	{ "tell-unix", 4, tell_unix },
	{ "own-unix", 1, own_unix },
	{ "serve-unix", 2, serve_unix },
	{ "ask-tcp", 5, ask_tcp },
	{ "bind-udp", 2, bind_udp },
	{ "bind-tcp", 2, bind_tcp },
	{ "catch-udp", 2, catch_udp },
	{ "write-line", 2, write_line },
	{ 0 },
};
