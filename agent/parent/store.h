/* SPDX-License-Identifier: MPL-2.0 */
/* Descriptors under keys, and the messages by which the agent gives, asks for and drops them. */
#ifndef TW_PARENT_STORE_H
#define TW_PARENT_STORE_H

/* The longest message; bpf/addon/descriptors.c has the same. */
#define TW_MESSAGE 512
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
 * Reads one message from the channel and answers it:
 *   "+KEY" with a descriptor   keep it, in the place of one of the same key
 *   "-KEY"                     let it go; one that is not there is no error
 *   "?NUMBER"                  the NUMBERth of those kept: "=KEY" with it, or "."
 * Everything else is answered by "." or by "!REASON". Returns -1 when nobody is there any more.
 */
int tw_answer(struct tw_store *store, int channel);

#endif
