/* SPDX-License-Identifier: MPL-2.0 */
/* Descriptors under keys. The parent knows nothing of what they are. */
#ifndef TW_PARENT_STORE_H
#define TW_PARENT_STORE_H

/* Keys are the agent's own words, with a NUL at the end here. */
#define TW_KEY 256
/* Five sockets for each of 1024 targets, and some to spare. */
#define TW_MAX_KEPT 8192

struct tw_kept_descriptor {
	char key[TW_KEY];
	int fd;
};

struct tw_store {
	struct tw_kept_descriptor *kept;
	unsigned int count;
	unsigned int room;
};

/*
 * Keeps a descriptor, in the place of one of the same key. Takes it over, also when it fails.
 * 0, or an errno.
 */
int tw_keep(struct tw_store *store, const char *key, int fd);

/* Closes it; one that is not there is no error. */
void tw_let_go(struct tw_store *store, const char *key);

#endif
