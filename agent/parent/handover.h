/* SPDX-License-Identifier: MPL-2.0 */
/*
 * From one parent to the next, on a socket at a path that both know. The one that gives ends its agent first, sends
 * what it keeps, and keeps it all the same: should the other vanish while it is there itself, it goes on. Which
 * agent may write is decided elsewhere, by a lock; here it is decided who tries.
 */
#ifndef TW_PARENT_HANDOVER_H
#define TW_PARENT_HANDOVER_H

#include "store.h"

struct tw_handover {
	const char *path;	/* empty: nothing is handed over */
	int listener;		/* -1: nobody can take over from us */
	int giver;		/* open for as long as we live: it shows whom we took over from that we do */
	int taker;		/* who takes over, or has; -1: nobody */
};

/* Takes over, where somebody is there to give: waits until its agent has ended. Once is enough. */
void tw_take(struct tw_handover *handover, struct tw_store *store);

/* Lets the next one take over. 0, or an errno. */
int tw_offer(struct tw_handover *handover);

/* Somebody has come to the listener. 1: one that takes over; the agent is to end, and then `tw_give`. */
int tw_meet(struct tw_handover *handover);

/* Sends all that is kept; one that does not take it is left. */
void tw_give(struct tw_handover *handover, const struct tw_store *store);

/* The one that took over is not there any more. */
void tw_part(struct tw_handover *handover);

#endif
