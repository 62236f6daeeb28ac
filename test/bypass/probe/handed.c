/* SPDX-License-Identifier: MPL-2.0 */
/* Sockets that someone else made: inherited, or passed over a Unix socket. */
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

/* inherited FD TEXT: writes to it */
static const char *inherited(char **w, int count)
{
	(void)count;
	return outcome(send(atoi(w[0]), w[1], strlen(w[1]), MSG_NOSIGNAL));
}

/* inherited-to FD ADDRESS PORT TEXT */
static const char *inherited_to(char **w, int count)
{
	union address to;
	socklen_t size = read_address(w[1], w[2], &to);

	(void)count;
	return outcome(sendto(atoi(w[0]), w[3], strlen(w[3]), MSG_NOSIGNAL, &to.any, size));
}

/* A name with a slash is a path, any other is abstract. */
static socklen_t unix_name(const char *name, struct sockaddr_un *out)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (strchr(name, '/')) {
		strncpy(out->sun_path, name, sizeof(out->sun_path) - 1);
		return sizeof(*out);
	}
	strncpy(out->sun_path + 1, name, sizeof(out->sun_path) - 2);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static void with_control(struct msghdr *message, struct iovec *part, union control *control)
{
	static char byte;

	memset(message, 0, sizeof(*message));
	memset(control, 0, sizeof(*control));
	part->iov_base = &byte;
	part->iov_len = 1;
	message->msg_iov = part;
	message->msg_iovlen = 1;
	message->msg_control = control->room;
	message->msg_controllen = sizeof(control->room);
}

/* give NAME: gives a UDP socket to the first who connects to the name; prints when it waits */
static const char *give(char **w, int count)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int given = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), peer = -1, tries;
	struct sockaddr_un own;
	socklen_t size = unix_name(w[0], &own);
	union control control;
	struct msghdr message;
	struct iovec part;

	(void)count;
	be_patient(fd);
	if (bind(fd, (struct sockaddr *)&own, size) || listen(fd, 1))
		return outcome(-1);
	puts("waits");
	for (tries = 0; tries < 60 && peer < 0; tries++)
		peer = accept(fd, NULL, NULL);
	with_control(&message, &part, &control);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &given, sizeof(given));
	return outcome(peer < 0 ? -1 : sendmsg(peer, &message, 0));
}

/* taken NAME ADDRESS PORT TEXT: sends by the socket that is given there */
static const char *taken(char **w, int count)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), got;
	struct sockaddr_un there;
	socklen_t size = unix_name(w[0], &there);
	union control control;
	struct msghdr message;
	struct iovec part;
	union address to;

	(void)count;
	be_patient(fd);
	if (connect(fd, (struct sockaddr *)&there, size))
		return sentence("connect: %s", strerrorname_np(errno));
	with_control(&message, &part, &control);
	if (recvmsg(fd, &message, 0) < 0 || control.header.cmsg_type != SCM_RIGHTS)
		return "nothing was given";
	memcpy(&got, CMSG_DATA(&control.header), sizeof(got));
	size = read_address(w[1], w[2], &to);
	return outcome(sendto(got, w[3], strlen(w[3]), 0, &to.any, size));
}

/*
 * `--give FD KIND ADDRESS PORT COMMAND…`, in place of steps: becomes the command, with a socket of its own
 * at that number. A TCP one is connected, a UDP one is not.
 */
int with_socket(int argc, char **argv)
{
	int at = argc > 6 ? atoi(argv[2]) : -1, stream = argc > 6 && !strcmp(argv[3], "tcp");
	int fd = argc > 6 ? socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0) : -1;
	union address to;

	if (fd < 0 || (stream && connect(fd, &to.any, read_address(argv[4], argv[5], &to)))) {
		perror("probe: the socket to give");
		return 8;
	}
	if (fd != at) {
		dup2(fd, at);
		close(fd);
	}
	execv(argv[6], argv + 6);
	perror(argv[6]);
	return 8;
}

const struct step handed_steps[] = {
	{ "inherited", 2, inherited },
	{ "inherited-to", 4, inherited_to },
	{ "give", 1, give },
	{ "taken", 4, taken },
	{ 0 },
};
