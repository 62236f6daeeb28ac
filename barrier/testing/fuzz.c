/* SPDX-License-Identifier: MPL-2.0 */
/* For libFuzzer: any bytes at all as an answer to the question whose id they begin with. */
#include <stdlib.h>
#include <string.h>
#include "../answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void inside(const struct bar_answer *a, struct bar_word word)
{
	if (word.at < a->text || word.at + word.size > a->text + sizeof(a->text) || !word.size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint16_t id = size < 2 ? 0 : (uint16_t)(bytes[0] << 8 | bytes[1]);
	struct bar_answer a;

	if (bar_read_answer(bytes, size, id, &a) != BAR_GOOD)
		return 0;
	inside(&a, a.version);
	inside(&a, a.mode);
	inside(&a, a.policy);
	return 0;
}
