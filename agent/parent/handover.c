/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include "handover.h"
#include "message.h"
#include "say.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Another number, other words. */
#define TW_TAKE "take 1"
/* The agent of the other one may take so long to end, and a message to come, s. */
#define TW_PATIENCE 10
/* Who connects has something to say at once, s. */
#define TW_MEETING 1

static int tw_wait_at_most(int fd, int seconds)
{
	struct timeval limit = { .tv_sec = seconds };

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int tw_socket_at(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address->sun_path, path);
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

/* Nobody but our own user keeps sockets for us, or gets them. */
static int tw_is_one_of_us(int fd)
{
	struct ucred other;
	socklen_t size = sizeof(other);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &size) && other.uid == getuid();
}

static void tw_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int tw_call(const char *path)
{
	struct sockaddr_un address;
	int fd = tw_socket_at(path, &address);

	if (fd < 0)
		return -1;
	if (tw_wait_at_most(fd, TW_PATIENCE) || connect(fd, (void *)&address, sizeof(address)) ||
	    !tw_is_one_of_us(fd) || tw_send(fd, TW_TAKE, -1))
		tw_close(&fd);
	return fd;
}

void tw_take(struct tw_handover *handover, struct tw_store *store)
{
	char text[TW_MESSAGE] = "";
	int fd, count = 0;

	/* While we can be taken over from, the one at the path is ourselves. */
	if (!handover->path[0] || handover->giver >= 0 || handover->listener >= 0)
		return;
	handover->giver = tw_call(handover->path);
	if (handover->giver < 0)
		return;
	while (tw_receive(handover->giver, text, &fd) > 0 && text[0] == '=')
		if (!tw_keep(store, text + 1, fd))
			count++;
	if (strcmp(text, ".")) {
		/* It has died, or hangs, or another one was first: whoever has the lock will say so. */
		tw_say("not everything was handed over", "sockets", count);
		tw_close(&handover->giver);
		return;
	}
	tw_say("taken over from the agent before", "sockets", count);
}

/* Whoever is at the path already is replaced: by then we have taken over, or it is dead. */
int tw_offer(struct tw_handover *handover)
{
	struct sockaddr_un address;
	char beside[sizeof(address.sun_path)];
	int fd, err;

	if (!handover->path[0] || handover->listener >= 0)
		return 0;
	if (snprintf(beside, sizeof(beside), "%s.%d", handover->path, getpid()) >= (int)sizeof(beside))
		return ENAMETOOLONG;
	fd = tw_socket_at(beside, &address);
	if (fd < 0)
		return errno;
	unlink(beside);
	if (bind(fd, (void *)&address, sizeof(address)) || chmod(beside, 0600) || listen(fd, 4) ||
	    rename(beside, handover->path)) {
		err = errno;
		close(fd);
		unlink(beside);
		return err;
	}
	handover->listener = fd;
	return 0;
}

int tw_meet(struct tw_handover *handover)
{
	int fd = accept4(handover->listener, NULL, NULL, SOCK_CLOEXEC), other = -1;
	char text[TW_MESSAGE];

	if (fd < 0)
		return 0;
	if (handover->taker >= 0 || !tw_is_one_of_us(fd) || tw_wait_at_most(fd, TW_MEETING) ||
	    tw_receive(fd, text, &other) <= 0 || strcmp(text, TW_TAKE)) {
		tw_close(&other);
		close(fd);
		return 0;
	}
	tw_close(&other);
	handover->taker = fd;
	return 1;
}

void tw_give(struct tw_handover *handover, const struct tw_store *store)
{
	char text[TW_KEY + 1];
	unsigned int i;

	for (i = 0; i < store->count; i++) {
		snprintf(text, sizeof(text), "=%s", store->kept[i].key);
		if (tw_send(handover->taker, text, store->kept[i].fd))
			break;
	}
	if (i < store->count || tw_send(handover->taker, ".", -1)) {
		tw_part(handover);
		return;
	}
	tw_say("handed over to the agent after this one", "sockets", (int)store->count);
	/* From now on the other is at the path. To whom gave to us nothing has changed: somebody holds. */
	tw_close(&handover->listener);
}

void tw_part(struct tw_handover *handover)
{
	tw_close(&handover->taker);
}
