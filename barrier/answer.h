/* SPDX-License-Identifier: MPL-2.0 */
/* The question for TXT _torwacht.attached.local, and what an answer to it says. Pure. */
#ifndef BAR_ANSWER_H
#define BAR_ANSWER_H

#include <stddef.h>
#include <stdint.h>

/* Without EDNS no answer is longer (RFC 1035, section 4.2.1). */
#define BAR_MAX_ANSWER 512
#define BAR_QUESTION_SIZE 42

enum bar_kind {
	BAR_STRAY,		/* no answer to this question: someone else's, or made up */
	BAR_MALFORMED,
	BAR_ELSEWHERE,		/* a DNS server that knows no such name: nobody holds this pod */
	BAR_OTHER_PROTOCOL,
	BAR_GOOD,
};

/* A part of the answer, not closed by a NUL; only letters, digits and . _ : , + / - */
struct bar_word {
	const char *at;
	size_t size;
};

struct bar_answer {
	unsigned rcode;		/* of BAR_ELSEWHERE; 0: there is no such record */
	unsigned protocol;	/* of BAR_OTHER_PROTOCOL and BAR_GOOD */
	struct bar_word version, mode, policy;	/* of BAR_GOOD, in `text` */
	char text[BAR_MAX_ANSWER];
};

/* Writes BAR_QUESTION_SIZE bytes. */
void bar_write_question(uint8_t *out, uint16_t id);

/* Reads a whole datagram. Anything that is not exactly as it should be is malformed. */
enum bar_kind bar_read_answer(const uint8_t *bytes, size_t size, uint16_t id,
			      struct bar_answer *answer);

#endif
