/* SPDX-License-Identifier: MPL-2.0 */
/* A line of the agent's log with a number; warnings are level 40 there. */
#ifndef TW_PARENT_SAY_H
#define TW_PARENT_SAY_H

#include <stdio.h>

static inline void tw_say(const char *what, const char *name, int number)
{
	fprintf(stderr, "{\"level\":40,\"%s\":%d,\"msg\":\"%s\"}\n", name, number, what);
}

#endif
