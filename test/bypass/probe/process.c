/* SPDX-License-Identifier: MPL-2.0 */
/* What one process can do to another, and to the tables that remember processes. */
#include "probe.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* kill PID SIGNAL */
static const char *send_signal(char **w, int count)
{
	(void)count;
	return outcome(kill(atoi(w[0]), atoi(w[1])));
}

static const char *seize(char **w, int count)
{
	(void)count;
	return outcome(ptrace(PTRACE_SEIZE, atoi(w[0]), 0, 0));
}

/* trace PID: a child's tracing ends with it */
static const char *trace(char **w, int count)
{
	return in_child(seize, w, count);
}

/* open-memory PID */
static const char *open_memory(char **w, int count)
{
	char path[64];
	int fd;

	(void)count;
	snprintf(path, sizeof(path), "/proc/%s/mem", w[0]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return outcome(fd);
}

/* read-memory PID: no address is right, so EFAULT is what whoever may read gets */
static const char *read_memory(char **w, int count)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)16, 1 };

	(void)count;
	return outcome(process_vm_readv(atoi(w[0]), &here, 1, &there, 1, 0));
}

/* take-file PID FD: pidfd_getfd */
static const char *take_file(char **w, int count)
{
	long process = syscall(SYS_pidfd_open, atoi(w[0]), 0), fd;

	(void)count;
	if (process < 0)
		return outcome(-1);
	fd = syscall(SYS_pidfd_getfd, process, atoi(w[1]), 0);
	close((int)process);
	if (fd >= 0)
		close((int)fd);
	return outcome(fd);
}

/* spawn COUNT: so many processes, one after the other */
static const char *spawn(char **w, int count)
{
	int i, most = atoi(w[0]);
	pid_t pid;

	(void)count;
	for (i = 0; i < most; i++) {
		pid = fork();
		if (pid < 0)
			return outcome(-1);
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return "ok";
}

/* flood ADDRESS PORT COUNT TEXT [next]: datagrams; with a fifth word, each to the port after the last */
static const char *flood(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_DGRAM, 0), i, most = atoi(w[2]), refused = 0;
	union address to;
	socklen_t size = read_address(w[0], w[1], &to);

	for (i = 0; i < most; i++) {
		to.v4.sin_port = htons((unsigned short)(atoi(w[1]) + (count > 4 ? i : 0)));
		refused += sendto(fd, w[3], strlen(w[3]), 0, &to.any, size) < 0;
	}
	close(fd);
	return sentence("%d refused", refused);
}

const struct step process_steps[] = {
	{ "kill", 2, send_signal },
	{ "trace", 1, trace },
	{ "open-memory", 1, open_memory },
	{ "read-memory", 1, read_memory },
	{ "take-file", 2, take_file },
	{ "spawn", 1, spawn },
	{ "flood", 4, flood },
	{ 0 },
};
