/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The first process of the agent's container. It starts the agent and starts it again when it dies, passes
 * signals on, and keeps descriptors that the agent gives it: a look-up that comes while the agent is being
 * started waits in its socket and is answered. It knows nothing of what it keeps.
 *
 *   torwacht-parent PROGRAM ARGUMENT...
 *
 * The agent finds its end of the channel in TORWACHT_PARENT. One message, one answer (store.c).
 */
#define _GNU_SOURCE
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* An agent that lived so long did not fail at its start: it is started again at once. */
#define TW_LIVED_MS 10000
#define TW_FIRST_WAIT_MS 100
#define TW_LONGEST_WAIT_MS 10000

static const int tw_passed_on[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

struct tw_agent {
	pid_t pid;		/* 0: it is not there */
	int channel;		/* our end, -1 without an agent */
	long long began;	/* ms */
	long long next;		/* ms: when it is started again */
	long long wait;		/* ms: how long after the next early death */
	int leaving;		/* we were told to end: it is not started again */
};

static long long tw_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* A line of the agent's log: warnings are level 40 there. */
static void tw_say(const char *what, const char *name, int number)
{
	fprintf(stderr, "{\"level\":40,\"%s\":%d,\"msg\":\"%s\"}\n", name, number, what);
}

/* In the child: what it is, and nothing of ours but its end of the channel. */
static void tw_become(char **argv, int channel, const sigset_t *mask, pid_t parent)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", channel);
	/* It may not outlive us: two agents would hold the same targets. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(126);
	if (setenv("TORWACHT_PARENT", number, 1) || sigprocmask(SIG_SETMASK, mask, NULL))
		_exit(126);
	execvp(argv[0], argv);
	fprintf(stderr, "torwacht-parent: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int tw_start(struct tw_agent *agent, char **argv, const sigset_t *mask)
{
	struct timeval patience = { .tv_sec = 5 };
	pid_t parent = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		return -1;
	/* Ours is closed when it execs; its own is not. */
	agent->pid = fcntl(ends[0], F_SETFD, FD_CLOEXEC) ||
		     setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ?
			     -1 : fork();
	if (!agent->pid)
		tw_become(argv, ends[1], mask, parent);
	close(ends[1]);
	if (agent->pid < 0) {
		close(ends[0]);
		agent->pid = 0;
		return -1;
	}
	agent->channel = ends[0];
	agent->began = tw_now();
	return 0;
}

static void tw_hang_up(struct tw_agent *agent)
{
	if (agent->channel >= 0)
		close(agent->channel);
	agent->channel = -1;
}

/*
 * The agent has ended. It is started again, at once or after a while, unless it was told to end, or ended by
 * itself before it gave us anything to keep: then there is nothing to wait for, and its status is ours.
 */
static int tw_ended(struct tw_agent *agent, const struct tw_store *store, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	long long now = tw_now();

	agent->pid = 0;
	tw_hang_up(agent);
	if (agent->leaving || (WIFEXITED(status) && (!code || !store->count)))
		return code;
	tw_say("the agent has ended and is started again", "status", code);
	if (now - agent->began >= TW_LIVED_MS)
		agent->wait = 0;
	agent->next = now + agent->wait;
	agent->wait = agent->wait ? agent->wait * 2 : TW_FIRST_WAIT_MS;
	if (agent->wait > TW_LONGEST_WAIT_MS)
		agent->wait = TW_LONGEST_WAIT_MS;
	return -1;
}

/* Everything that ended, orphans of the agent included. -1: go on, else the status to leave with. */
static int tw_reap(struct tw_agent *agent, const struct tw_store *store)
{
	int status, result = -1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == agent->pid)
			result = tw_ended(agent, store, status);
	return result;
}

static int tw_signal(struct tw_agent *agent, const struct tw_store *store, int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return -1;
	if (info.ssi_signo == SIGCHLD)
		return tw_reap(agent, store);
	if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
		agent->leaving = 1;
	if (agent->pid)
		kill(agent->pid, (int)info.ssi_signo);
	else if (agent->leaving)
		return 0;
	return -1;
}

static int tw_wait_time(const struct tw_agent *agent)
{
	long long left = agent->next - tw_now();

	if (agent->pid)
		return -1;
	return left > 0 ? (int)left : 0;
}

static int tw_attend(struct tw_agent *agent, struct tw_store *store, char **argv, int signals,
		     const sigset_t *mask)
{
	struct pollfd on[2];
	int result;

	for (;;) {
		if (!agent->pid && tw_now() >= agent->next && tw_start(agent, argv, mask)) {
			tw_say("the agent cannot be started", "errno", errno);
			agent->next = tw_now() + TW_LONGEST_WAIT_MS;
		}
		on[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
		on[1] = (struct pollfd){ .fd = agent->channel, .events = POLLIN };
		if (poll(on, 2, tw_wait_time(agent)) < 0 && errno != EINTR)
			return 1;
		/* What it still asked before it died is answered first, or fails. */
		if (on[1].revents && tw_answer(store, agent->channel))
			tw_hang_up(agent);
		if (on[0].revents & POLLIN) {
			result = tw_signal(agent, store, signals);
			if (result >= 0)
				return result;
		}
	}
}

int main(int argc, char **argv)
{
	struct tw_agent agent = { .channel = -1 };
	struct rlimit files;
	static struct tw_store store;
	sigset_t ours, before;
	size_t i;
	int signals;

	if (argc < 2) {
		fputs("usage: torwacht-parent PROGRAM ARGUMENT...\n", stderr);
		return 64;
	}
	/* One for each socket of each target; children inherit it, and Node takes as many as it may anyway. */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	for (i = 0; i < sizeof(tw_passed_on) / sizeof(tw_passed_on[0]); i++)
		sigaddset(&ours, tw_passed_on[i]);
	signals = sigprocmask(SIG_BLOCK, &ours, &before) ? -1 : signalfd(-1, &ours, SFD_CLOEXEC);
	/* In a host's PID namespace too, what the agent leaves behind is ours to reap. */
	if (signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1)) {
		perror("torwacht-parent");
		return 70;
	}
	return tw_attend(&agent, &store, argv + 1, signals, &before);
}
