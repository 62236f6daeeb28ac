/* SPDX-License-Identifier: MPL-2.0 */
/* The proof that this pod is held: two attempts that must fail, each refused by another kind of hook. */
#ifndef BAR_PROBE_H
#define BAR_PROBE_H

struct bar_proof {
	const char *lacking;	/* what was not as it should be; NULL: proven */
	int error;		/* errno of that attempt, 0: it got through */
};

/* Sends one datagram to TEST-NET-1 where nothing is enforced, and none where something is. */
struct bar_proof bar_prove(void);

#endif
