/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include "store.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int tw_keep(struct tw_store *store, const char *key, int fd)
{
	struct tw_kept_descriptor *slot = tw_find(store, key);
	int err = fd < 0 ? EBADF : !key[0] || strlen(key) >= TW_KEY ? EINVAL : slot ? 0 : tw_grow(store);

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

void tw_let_go(struct tw_store *store, const char *key)
{
	struct tw_kept_descriptor *slot = tw_find(store, key);

	if (!slot)
		return;
	close(slot->fd);
	*slot = store->kept[--store->count];
}
