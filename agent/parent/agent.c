/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include "agent.h"
#include "say.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* An agent that lived so long did not fail at its start: it is started again at once. */
#define TW_LIVED_MS 10000
#define TW_FIRST_WAIT_MS 100
#define TW_LONGEST_WAIT_MS 10000
/* It answers what it was asked already, tells what it still has to tell, and leaves. */
#define TW_FAREWELL_MS 5000
/* How long the agent waits for an answer: a hand-over takes its time, s. */
#define TW_ANSWER 20

long long tw_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* In the child: what it is, and nothing of ours but its end of the channel. */
static void tw_become(const struct tw_agent *agent, int channel, pid_t parent)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", channel);
	/* It may not outlive us: two agents would hold the same targets. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(126);
	if (setenv("TORWACHT_PARENT", number, 1) || sigprocmask(SIG_SETMASK, agent->mask, NULL))
		_exit(126);
	execvp(agent->argv[0], agent->argv);
	fprintf(stderr, "torwacht-parent: %s: %s\n", agent->argv[0], strerror(errno));
	_exit(127);
}

int tw_start(struct tw_agent *agent)
{
	struct timeval patience = { .tv_sec = TW_ANSWER };
	pid_t parent = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		return -1;
	/* Ours is closed when it execs, and never waits: one answer always has room. Its own is neither. */
	agent->pid = fcntl(ends[0], F_SETFD, FD_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK) ||
		     setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ?
			     -1 : fork();
	if (!agent->pid)
		tw_become(agent, ends[1], parent);
	close(ends[1]);
	if (agent->pid < 0) {
		close(ends[0]);
		agent->pid = 0;
		agent->next = tw_now() + TW_LONGEST_WAIT_MS;
		return -1;
	}
	agent->channel = ends[0];
	agent->began = tw_now();
	agent->limit = 0;
	return 0;
}

void tw_hang_up(struct tw_agent *agent)
{
	if (agent->channel >= 0)
		close(agent->channel);
	agent->channel = -1;
}

void tw_make_room(struct tw_agent *agent)
{
	agent->limit = tw_now() + TW_FAREWELL_MS;
	kill(agent->pid, SIGTERM);
}

void tw_insist(struct tw_agent *agent)
{
	if (agent->pid && agent->limit && tw_now() >= agent->limit)
		kill(agent->pid, SIGKILL);
}

/*
 * It is started again, at once or after a while, unless it was told to end, or ended by itself before it gave us
 * anything to keep: then there is nothing to wait for, and its status is ours.
 */
static int tw_again(struct tw_agent *agent, const struct tw_store *store, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	long long now = tw_now();

	if (agent->leaving)
		return code;
	if (agent->limit) {
		agent->next = now;
		return -1;
	}
	if (WIFEXITED(status) && (!code || !store->count))
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

int tw_ended(struct tw_agent *agent, struct tw_handover *handover, const struct tw_store *store, int status)
{
	agent->pid = 0;
	tw_hang_up(agent);
	if (handover->taker >= 0)
		tw_give(handover, store);
	return tw_again(agent, store, status);
}
