/* SPDX-License-Identifier: MPL-2.0 */
/* The agent's process: started, ended, started again. */
#ifndef TW_PARENT_AGENT_H
#define TW_PARENT_AGENT_H

#include "handover.h"
#include "store.h"
#include <signal.h>
#include <sys/types.h>

struct tw_agent {
	char **argv;
	const sigset_t *mask;	/* of signals, as it was before ours */
	pid_t pid;		/* 0: it is not there */
	int channel;		/* our end, -1 without an agent */
	long long began;	/* ms */
	long long next;		/* ms: when it is started again */
	long long wait;		/* ms: how long after the next early death */
	long long limit;	/* ms: it was told to end for another, and may take until then; 0: it was not */
	int leaving;		/* we were told to end: it is not started again */
};

/* CLOCK_MONOTONIC, ms. */
long long tw_now(void);

/* -1: errno says why. */
int tw_start(struct tw_agent *agent);

/* It does not answer any more. */
void tw_hang_up(struct tw_agent *agent);

/* Tells it to end because another takes over; one that does not is killed, when its time is up. */
void tw_make_room(struct tw_agent *agent);
void tw_insist(struct tw_agent *agent);

/*
 * It has ended, with this status of waitpid. Who waits for that gets what is kept. -1: go on, else the status
 * to leave with.
 */
int tw_ended(struct tw_agent *agent, struct tw_handover *handover, const struct tw_store *store, int status);

#endif
