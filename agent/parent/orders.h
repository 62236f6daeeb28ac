/* SPDX-License-Identifier: MPL-2.0 */
/* What the agent says to its parent. One message, one answer, so nothing piles up in the channel. */
#ifndef TW_PARENT_ORDERS_H
#define TW_PARENT_ORDERS_H

#include "handover.h"
#include "store.h"

/*
 * Reads one message from the channel and answers it:
 *   "+KEY" with a descriptor   keep it, in the place of one of the same key
 *   "-KEY"                     let it go; one that is not there is no error
 *   "?NUMBER"                  the NUMBERth of those kept: "=KEY" with it, or "."
 *   "<"                        take over what the parent before this one keeps, once its agent has ended
 *   ">"                        the targets are ours: from now on the next parent may take over
 * Everything else is answered by "." or by "!REASON". Returns -1 when nobody is there any more.
 */
int tw_answer(struct tw_store *store, struct tw_handover *handover, int channel);

#endif
