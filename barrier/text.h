/* SPDX-License-Identifier: MPL-2.0 */
/* A line that grows and never overflows; what does not fit is left out. */
#ifndef BAR_TEXT_H
#define BAR_TEXT_H

#include <stddef.h>

struct bar_text {
	size_t size;
	char at[2048];
};

void bar_put(struct bar_text *text, const char *more);
/* The inside of a JSON string: at most `size` bytes, everything but plain ASCII as \u00XX. */
void bar_put_escaped(struct bar_text *text, const char *more, size_t size);
void bar_put_number(struct bar_text *text, unsigned value);

#endif
