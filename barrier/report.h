/* SPDX-License-Identifier: MPL-2.0 */
/* How the barrier ends: its exit codes, and the one line of JSON. */
#ifndef BAR_REPORT_H
#define BAR_REPORT_H

#include "answer.h"
#include "probe.h"
#include "settings.h"

/* Places in the table of report.c. */
enum bar_end {
	BAR_ATTACHED,
	BAR_USAGE,
	BAR_NO_ANSWER,
	BAR_NOT_ATTACHED,
	BAR_BAD_ANSWER,
	BAR_WRONG_PROTOCOL,
	BAR_NOT_ENFORCED,
	BAR_SOCKET,
	BAR_STOPPED,
	BAR_ENDS,
};

struct bar_story {
	enum bar_end end;
	struct bar_answer answer;
	struct bar_proof proof;
	struct bar_mistake mistake;
	int error;		/* errno of the last question that could not be sent, or of the socket */
	unsigned attempts;	/* questions */
	unsigned waited_ms;
};

/* Tells the story: on stdout when the job may start, else on stderr and in the termination log. */
int bar_report(const struct bar_story *story);

#endif
