/* SPDX-License-Identifier: MPL-2.0 */
#include "text.h"
#include <string.h>

static void put_bytes(struct bar_text *text, const char *more, size_t size)
{
	if (size > sizeof(text->at) - text->size)
		return;
	memcpy(text->at + text->size, more, size);
	text->size += size;
}

void bar_put(struct bar_text *text, const char *more)
{
	put_bytes(text, more, strlen(more));
}

void bar_put_escaped(struct bar_text *text, const char *more, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char escaped[] = "\\u0000";
	unsigned char c;
	size_t i;

	for (i = 0; i < size && more[i]; i++) {
		c = (unsigned char)more[i];
		if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
			put_bytes(text, more + i, 1);
			continue;
		}
		escaped[4] = digits[c >> 4];
		escaped[5] = digits[c & 15];
		bar_put(text, escaped);
	}
}

void bar_put_number(struct bar_text *text, unsigned value)
{
	char digits[10];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	put_bytes(text, digits + at, sizeof(digits) - at);
}
