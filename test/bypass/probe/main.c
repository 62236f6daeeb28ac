/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Tries ways out, one an argument: `step word word…`. For each it prints a line: the argument, a tab, the
 * outcome (`ok`, the name of an errno, or what the step has to tell). It knows nothing of who may hold it.
 * It sends nothing outside of a lab, and nothing in it waits for ever.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

static const struct step *const tables[] = {
	stream_steps, datagram_steps, dns_steps, raw_steps, handed_steps, uring_steps, program_steps,
	compound_steps, door_steps, process_steps, deputy_steps,
};

static char told[2 * MAX_BYTES + 64];

const char *sentence(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(told, sizeof(told), format, list);
	va_end(list);
	return told;
}

const char *outcome(long result)
{
	return result < 0 ? sentence("%s", strerrorname_np(errno)) : "ok";
}

const char *hex(const unsigned char *bytes, size_t count)
{
	size_t i;

	told[0] = 0;
	for (i = 0; i < count && i < MAX_BYTES; i++)
		sprintf(told + 2 * i, "%02x", bytes[i]);
	return told;
}

void be_patient(int fd)
{
	struct timeval patience = { .tv_usec = 700000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

int open_socket(const char *address, int type, int protocol)
{
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	int fd = socket(family, (type ? type : SOCK_STREAM) | SOCK_CLOEXEC, protocol);

	if (fd >= 0)
		be_patient(fd);
	return fd;
}

static const struct step *find(const char *name)
{
	const struct step *step;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (step = tables[i]; step->name; step++)
			if (!strcmp(step->name, name))
				return step;
	return NULL;
}

const char *obey_words(char **words, int count)
{
	const struct step *step = count ? find(words[0]) : NULL;

	if (!step || count <= step->words)
		return "no such step";
	errno = 0;
	return step->run(words + 1, count - 1);
}

static const char *obey(char *line)
{
	char *words[MAX_WORDS + 1] = { 0 }, *rest = line;
	int count;

	for (count = 0; count < MAX_WORDS; count++)
		if (!(words[count] = strtok_r(rest, " ", &rest)))
			break;
	return obey_words(words, count);
}

void obey_and_print(const char *step)
{
	char *line = strdup(step);

	printf("%s\t%s\n", step, obey(line));
	free(line);
}

int main(int argc, char **argv)
{
	int i;

	if (!inside_lab()) {
		fputs("probe: not inside a lab\n", stderr);
		return 9;
	}
	if (argc > 1 && !strcmp(argv[1], "--give"))
		return with_socket(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc; i++)
		obey_and_print(argv[i]);
	return 0;
}
