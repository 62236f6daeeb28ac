/* SPDX-License-Identifier: MPL-2.0 */
/* What the parent keeps. One message, one answer, so nothing piles up in the channel. */
#define _GNU_SOURCE
#include "store.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union tw_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static struct tw_kept_descriptor *tw_find(struct tw_store *store, const char *key)
{
	unsigned int i;

	for (i = 0; i < store->count; i++)
		if (!strcmp(store->kept[i].key, key))
			return &store->kept[i];
	return NULL;
}

static int tw_grow(struct tw_store *store)
{
	unsigned int room = store->room ? store->room * 2 : 64;
	struct tw_kept_descriptor *more;

	if (store->count < store->room)
		return 0;
	if (store->count == TW_MAX_KEPT)
		return ENOSPC;
	more = reallocarray(store->kept, room, sizeof(*more));
	if (!more)
		return ENOMEM;
	store->kept = more;
	store->room = room;
	return 0;
}

/* Takes over the descriptor, also when it fails. */
static int tw_keep(struct tw_store *store, const char *key, int fd)
{
	struct tw_kept_descriptor *slot = tw_find(store, key);
	int err = fd < 0 ? EBADF : slot ? 0 : tw_grow(store);

	if (err) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	if (slot) {
		close(slot->fd);
	} else {
		slot = &store->kept[store->count++];
		memcpy(slot->key, key, strlen(key) + 1);
	}
	slot->fd = fd;
	return 0;
}

static void tw_let_go(struct tw_store *store, const char *key)
{
	struct tw_kept_descriptor *slot = tw_find(store, key);

	if (!slot)
		return;
	close(slot->fd);
	*slot = store->kept[--store->count];
}

static int tw_send(int channel, const char *text, int fd)
{
	struct iovec part = { .iov_base = (char *)text, .iov_len = strlen(text) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	union tw_control control = {};

	if (fd >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	/* Not waiting: one answer always has room, and who does not read is no agent of ours. */
	return sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

static int tw_give(const struct tw_store *store, int channel, const char *number)
{
	char text[TW_KEY + 1], *end;
	unsigned long at = strtoul(number, &end, 10);

	if (end == number || *end || at >= store->count)
		return tw_send(channel, ".", -1);
	snprintf(text, sizeof(text), "=%s", store->kept[at].key);
	return tw_send(channel, text, store->kept[at].fd);
}

static int tw_obey(struct tw_store *store, int channel, const char *text, int fd)
{
	char refusal[64];
	int err = EINVAL;

	if (text[0] == '+' && text[1] && strlen(text + 1) < TW_KEY) {
		err = tw_keep(store, text + 1, fd);
		fd = -1;
	} else if (text[0] == '-') {
		tw_let_go(store, text + 1);
		err = 0;
	}
	if (fd >= 0)
		close(fd);
	if (text[0] == '?')
		return tw_give(store, channel, text + 1);
	if (!err)
		return tw_send(channel, ".", -1);
	snprintf(refusal, sizeof(refusal), "!%s", strerror(err));
	return tw_send(channel, refusal, -1);
}

int tw_answer(struct tw_store *store, int channel)
{
	char text[TW_MESSAGE];
	struct iovec part = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	union tw_control control = {};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t size = recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *header;
	int fd = -1;

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (!size)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	text[size] = 0;
	return tw_obey(store, channel, text, fd);
}
