/* SPDX-License-Identifier: MPL-2.0 */
/* What the programs of benches share: a clock, commands by lines of text, and the look where they are. */
#ifndef TW_BENCH_H
#define TW_BENCH_H

#include "../test/lab/probe.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* The next command, without its newline; 0 at the end. Each is answered by one line. */
static inline int next_command(char *line, int size)
{
	fflush(stdout);
	if (!fgets(line, size, stdin))
		return 0;
	line[strcspn(line, "\n")] = 0;
	return 1;
}

static inline void assert_inside_lab(void)
{
	if (!inside_lab()) {
		fputs("not inside a lab\n", stderr);
		exit(2);
	}
}

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

#endif
