/* SPDX-License-Identifier: MPL-2.0 */
/* Other people's clients. */
#include "probe.h"

#include <stdio.h>
#include <sys/wait.h>

/* run WORD…: a program without words that have blanks; its status and the first line that it prints */
static const char *run(char **w, int count)
{
	char line[MAX_BYTES] = "", first[MAX_BYTES] = "";
	size_t used = 0;
	FILE *output;
	int i, status;

	for (i = 0; i < count; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "'%s' ", w[i]);
	snprintf(line + used, sizeof(line) - used, "2>&1");
	output = popen(line, "re");
	if (!output)
		return outcome(-1);
	if (!fgets(first, sizeof(first), output))
		first[0] = 0;
	while (fgets(line, sizeof(line), output))
		;
	status = pclose(output);
	first[strcspn(first, "\n")] = 0;
	return sentence("%d %s", WIFEXITED(status) ? WEXITSTATUS(status) : -1, first);
}

const struct step program_steps[] = {
	{ "run", 1, run },
	{ 0 },
};
