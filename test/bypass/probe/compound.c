/* SPDX-License-Identifier: MPL-2.0 */
/* Steps that carry another step: as someone else, from another place, later, from a file. */
#include "probe.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

const char *in_child(const char *(*run)(char **words, int count), char **words, int count)
{
	char text[2 * MAX_BYTES];
	size_t got = 0;
	const char *said;
	ssize_t n;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return outcome(-1);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return outcome(-1);
	if (!pid) {
		alarm(10);
		said = run(words, count);
		_exit(write(fds[1], said, strlen(said)) < 0);
	}
	close(fds[1]);
	while ((n = read(fds[0], text + got, sizeof(text) - 1 - got)) > 0)
		got += (size_t)n;
	close(fds[0]);
	waitpid(pid, NULL, 0);
	text[got] = 0;
	return got ? sentence("%s", text) : "it ended without a word";
}

static const char *go_and_try(char **w, int count)
{
	char went[64];
	int result = go_way(w[0]);

	if (result == NO_SUCH_WAY)
		return "no such way";
	snprintf(went, sizeof(went), "%s", outcome(result));
	if (!result && !inside_lab())
		return sentence("%s, outside of the lab", went);
	return sentence("%s, then %s", went, strdup(obey_words(w + 1, count - 1)));
}

/* by WAY STEP…: goes that way, then takes the step, whether or not the way was open */
static const char *by(char **w, int count)
{
	const char *said;

	prepare_ways();
	said = in_child(go_and_try, w, count);
	leave_ways();
	return said;
}

static const char *become_and_try(char **w, int count)
{
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		return outcome(-1);
	return obey_words(w, count);
}

/* as-user STEP…: without root's rights */
static const char *as_user(char **w, int count)
{
	return in_child(become_and_try, w, count);
}

/* until FILE: ten seconds at most */
static const char *until(char **w, int count)
{
	int i;

	(void)count;
	for (i = 0; i < 500; i++) {
		if (!access(w[0], F_OK))
			return "ok";
		usleep(20000);
	}
	return "nothing came";
}

/* script FILE: waits for the file, ten seconds at most, and takes its lines as steps */
static const char *script(char **w, int count)
{
	char line[1024];
	FILE *file;

	until(w, count);
	file = fopen(w[0], "re");
	if (!file)
		return "nothing came";
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		obey_and_print(line);
	}
	fclose(file);
	return "ok";
}

static const char *send_from_nowhere(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_DGRAM, 0);
	union address to;
	socklen_t size = read_address(w[0], w[1], &to);

	(void)count;
	if (new_network())
		return outcome(-1);
	return outcome(sendto(fd, w[2], strlen(w[2]), 0, &to.any, size));
}

/* kept ADDRESS PORT TEXT: a socket of before, used in a network namespace that has no link */
static const char *kept(char **w, int count)
{
	return in_child(send_from_nowhere, w, count);
}

/* up: it runs */
static const char *up(char **w, int count)
{
	(void)w;
	(void)count;
	return "ok";
}

const struct step compound_steps[] = {
	{ "up", 0, up },
	{ "by", 2, by },
	{ "kept", 3, kept },
	{ "as-user", 1, as_user },
	{ "until", 1, until },
	{ "script", 1, script },
	{ 0 },
};
