/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Reads datagrams from standard input, each behind its length in two bytes, and prints what the barrier
 * makes of each as an answer to question 0x1234. Each lies in memory of exactly its size, so that the
 * address sanitizer sees one byte too many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../answer.h"

static const char *const kinds[] = { "stray", "malformed", "elsewhere", "protocol", "good" };

static void put(const char *key, struct bar_word word)
{
	printf(" %s=%.*s", key, (int)word.size, word.at);
}

static void judge(const uint8_t *bytes, size_t size)
{
	struct bar_answer a;
	enum bar_kind kind = bar_read_answer(bytes, size, 0x1234, &a);

	fputs(kinds[kind], stdout);
	if (kind == BAR_ELSEWHERE)
		printf(" rcode=%u", a.rcode);
	if (kind == BAR_OTHER_PROTOCOL || kind == BAR_GOOD)
		printf(" protocol=%u", a.protocol);
	if (kind == BAR_GOOD) {
		put("version", a.version);
		put("mode", a.mode);
		put("policy", a.policy);
	}
	putchar('\n');
}

int main(void)
{
	uint8_t length[2], *bytes;
	size_t size;

	while (fread(length, 1, 2, stdin) == 2) {
		size = (size_t)length[0] << 8 | length[1];
		bytes = malloc(size);
		if (size && (!bytes || fread(bytes, 1, size, stdin) != size))
			return 1;
		judge(bytes, size);
		free(bytes);
	}
	return 0;
}
