/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include "orders.h"
#include "message.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int tw_give_one(const struct tw_store *store, int channel, const char *number)
{
	char text[TW_KEY + 1], *end;
	unsigned long at = strtoul(number, &end, 10);

	if (end == number || *end || at >= store->count)
		return tw_send(channel, ".", -1);
	snprintf(text, sizeof(text), "=%s", store->kept[at].key);
	return tw_send(channel, text, store->kept[at].fd);
}

/* Takes over the descriptor. 0, or an errno. */
static int tw_obey(struct tw_store *store, struct tw_handover *handover, const char *text, int fd)
{
	int err = EINVAL;

	if (text[0] == '+')
		return tw_keep(store, text + 1, fd);
	if (fd >= 0)
		close(fd);
	if (text[0] == '-') {
		tw_let_go(store, text + 1);
		err = 0;
	} else if (!strcmp(text, "<")) {
		tw_take(handover, store);
		err = 0;
	} else if (!strcmp(text, ">")) {
		err = tw_offer(handover);
	}
	return err;
}

int tw_answer(struct tw_store *store, struct tw_handover *handover, int channel)
{
	char text[TW_MESSAGE], refusal[64];
	int fd, err;
	ssize_t size = tw_receive(channel, text, &fd);

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (!size)
		return -1;
	if (text[0] == '?') {
		if (fd >= 0)
			close(fd);
		return tw_give_one(store, channel, text + 1);
	}
	err = tw_obey(store, handover, text, fd);
	if (!err)
		return tw_send(channel, ".", -1);
	snprintf(refusal, sizeof(refusal), "!%s", strerror(err));
	return tw_send(channel, refusal, -1);
}
