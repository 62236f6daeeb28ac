/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The first process of the agent's container. It starts the agent and starts it again when it dies, passes
 * signals on, and keeps descriptors that the agent gives it: a look-up that comes while the agent is being
 * started waits in its socket and is answered. It knows nothing of what it keeps.
 *
 *   torwacht-parent PROGRAM ARGUMENT...
 *   torwacht-parent --probe	exit status 0: the agent of this container answers (probe.c)
 *
 * The agent finds its end of the channel in TORWACHT_PARENT (orders.c). Where TORWACHT_STATE names a folder of the
 * node, a parent in another pod takes over what this one keeps (handover.c).
 */
#define _GNU_SOURCE
#include "agent.h"
#include "handover.h"
#include "orders.h"
#include "probe.h"
#include "say.h"
#include "store.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const int tw_passed_on[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

struct tw_parent {
	struct tw_agent agent;
	struct tw_store store;
	struct tw_handover handover;
	int signals;
};

/* Everything that ended, orphans of the agent included. -1: go on, else the status to leave with. */
static int tw_reap(struct tw_parent *parent)
{
	int status, result = -1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == parent->agent.pid)
			result = tw_ended(&parent->agent, &parent->handover, &parent->store, status);
	return result;
}

static int tw_signal(struct tw_parent *parent)
{
	struct tw_agent *agent = &parent->agent;
	struct signalfd_siginfo info;

	if (read(parent->signals, &info, sizeof(info)) != sizeof(info))
		return -1;
	if (info.ssi_signo == SIGCHLD)
		return tw_reap(parent);
	if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
		agent->leaving = 1;
	if (agent->pid)
		kill(agent->pid, (int)info.ssi_signo);
	else if (agent->leaving)
		return 0;
	return -1;
}

/* ms until something is to be done that nobody asks for; -1: nothing is. */
static int tw_wait_time(const struct tw_parent *parent)
{
	const struct tw_agent *agent = &parent->agent;
	long long left;

	if (agent->pid ? !agent->limit : parent->handover.taker >= 0)
		return -1;
	left = (agent->pid ? agent->limit : agent->next) - tw_now();
	return left > 0 ? (int)left : 0;
}

/* The next parent takes over: the agent ends first, where there is one. */
static void tw_meet_next(struct tw_parent *parent)
{
	if (!tw_meet(&parent->handover))
		return;
	if (parent->agent.pid)
		tw_make_room(&parent->agent);
	else
		tw_give(&parent->handover, &parent->store);
}

static void tw_start_if_due(struct tw_parent *parent)
{
	struct tw_agent *agent = &parent->agent;

	if (agent->pid || parent->handover.taker >= 0 || tw_now() < agent->next)
		return;
	if (tw_start(agent))
		tw_say("the agent cannot be started", "errno", errno);
}

static int tw_attend(struct tw_parent *parent)
{
	struct tw_handover *handover = &parent->handover;
	struct tw_agent *agent = &parent->agent;
	struct pollfd on[4];
	int result;

	for (;;) {
		tw_start_if_due(parent);
		on[0] = (struct pollfd){ .fd = parent->signals, .events = POLLIN };
		on[1] = (struct pollfd){ .fd = agent->channel, .events = POLLIN };
		on[2] = (struct pollfd){ .fd = handover->listener, .events = POLLIN };
		on[3] = (struct pollfd){ .fd = handover->taker, .events = POLLIN };
		if (poll(on, 4, tw_wait_time(parent)) < 0 && errno != EINTR)
			return 1;
		/* What it still asked before it died is answered first, or fails. */
		if (on[1].revents && tw_answer(&parent->store, handover, agent->channel))
			tw_hang_up(agent);
		/* It has nothing to say: its end is what we hear. */
		if (on[3].revents)
			tw_part(handover);
		if (on[2].revents)
			tw_meet_next(parent);
		tw_insist(agent);
		if (on[0].revents & POLLIN) {
			result = tw_signal(parent);
			if (result >= 0)
				return result;
		}
	}
}

/* One for each socket of each target; children inherit it, and Node takes as many as it may anyway. */
static void tw_raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
	static char path[PATH_MAX];
	static struct tw_parent parent = {
		.agent = { .channel = -1 },
		.handover = { .path = path, .listener = -1, .giver = -1, .taker = -1 },
	};
	const char *state = getenv("TORWACHT_STATE");
	sigset_t ours, before;
	size_t i;

	if (argc == 2 && !strcmp(argv[1], "--probe"))
		return tw_probe();
	if (argc < 2) {
		fputs("usage: torwacht-parent PROGRAM ARGUMENT...\n       torwacht-parent --probe\n", stderr);
		return 64;
	}
	if (state && state[0])
		snprintf(path, sizeof(path), "%s/handover", state);
	tw_raise_limit();
	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	for (i = 0; i < sizeof(tw_passed_on) / sizeof(tw_passed_on[0]); i++)
		sigaddset(&ours, tw_passed_on[i]);
	parent.signals = sigprocmask(SIG_BLOCK, &ours, &before) ? -1 : signalfd(-1, &ours, SFD_CLOEXEC);
	/* In a host's PID namespace too, what the agent leaves behind is ours to reap. */
	if (parent.signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1)) {
		perror("torwacht-parent");
		return 70;
	}
	parent.agent.argv = argv + 1;
	parent.agent.mask = &before;
	return tw_attend(&parent);
}
