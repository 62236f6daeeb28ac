/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The first init container of a job's pod: ends with 0 once the pod is held, which it has proven, and
 * with something else when it is not. The kubelet starts nothing of the job before.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"
#include "probe.h"
#include "protocol.h"
#include "report.h"
#include "settings.h"

#define FIRST_PAUSE_MS 10
/* Questions that still wait for their answer: a busy agent may take a while. */
#define WAITING 32

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* As the first process of its namespace it gets no signal that it does not handle (pid_namespaces(7)). */
static void handle_signals(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static long long now_ms(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct questions {
	struct pollfd poll[WAITING];
	uint16_t id[WAITING];
	unsigned next;
};

static void forget(struct questions *q, unsigned which)
{
	if (q->poll[which].fd >= 0)
		close(q->poll[which].fd);
	q->poll[which].fd = -1;
}

/*
 * Asks by a socket of its own: a new port each time, for a flow that the kernel has seen once keeps the
 * way that it took then (conntrack), also when it should be redirected by now. 0, or false where a socket
 * cannot be had; a question that cannot be sent is one without answer.
 */
static int ask(struct questions *q, struct bar_story *story)
{
	struct sockaddr_in server = {
		.sin_family = AF_INET,
		.sin_port = htons(BAR_SERVER_PORT),
		.sin_addr.s_addr = htonl(BAR_SERVER),
	};
	uint8_t question[BAR_QUESTION_SIZE];
	unsigned which = q->next++ % WAITING;
	uint16_t id;
	int fd;

	forget(q, which);
	if (getrandom(&id, sizeof(id), 0) != sizeof(id)) {
		story->error = errno;
		return 0;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		story->error = errno;
		return 0;
	}
	q->poll[which].fd = fd;
	q->id[which] = id;
	story->attempts++;
	bar_write_question(question, id);
	/* Connected, it takes answers from that server alone. */
	story->error = 0;
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) ||
	    send(fd, question, sizeof(question), MSG_NOSIGNAL) < 0) {
		story->error = errno;
		forget(q, which);
	}
	return 1;
}

/* Takes what came for one question. A stray datagram leaves it open: the true answer may follow. */
static void take(struct questions *q, unsigned which, struct bar_story *story)
{
	static const enum bar_end ends[] = {
		[BAR_STRAY] = BAR_BAD_ANSWER,
		[BAR_MALFORMED] = BAR_BAD_ANSWER,
		[BAR_ELSEWHERE] = BAR_NOT_ATTACHED,
		[BAR_OTHER_PROTOCOL] = BAR_WRONG_PROTOCOL,
		[BAR_GOOD] = BAR_NOT_ENFORCED,	/* unless it is proven below */
	};
	uint8_t bytes[BAR_MAX_ANSWER + 1];
	ssize_t size = recv(q->poll[which].fd, bytes, sizeof(bytes), 0);
	enum bar_kind kind;

	if (size < 0) {
		if (errno != EAGAIN && errno != EINTR)
			forget(q, which);	/* nobody there, says an ICMP message */
		return;
	}
	kind = bar_read_answer(bytes, (size_t)size, q->id[which], &story->answer);
	story->end = ends[kind];
	if (kind != BAR_STRAY)
		forget(q, which);
	if (kind != BAR_GOOD)
		return;
	story->proof = bar_prove();
	if (!story->proof.lacking)
		story->end = BAR_ATTACHED;
}

/*
 * Everything but a wrong set-up is tried again until the deadline: what answers first may be another
 * server, before the agent has come. The last answer is what is told.
 */
static void wait_until_held(const struct bar_settings *settings, struct bar_story *story)
{
	const long long start = now_ms(), deadline = start + settings->deadline_ms;
	unsigned pause = FIRST_PAUSE_MS, i;
	long long now = start, next = start;
	struct questions q = { 0 };

	for (i = 0; i < WAITING; i++)
		q.poll[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	story->end = BAR_NO_ANSWER;
	while (story->end != BAR_ATTACHED && now < deadline) {
		if (now >= next) {
			if (!ask(&q, story)) {
				story->end = BAR_SOCKET;
				break;
			}
			if (pause > settings->interval_ms)
				pause = settings->interval_ms;
			next = now + pause;
			pause *= 2;
		}
		poll(q.poll, WAITING, (int)((next < deadline ? next : deadline) - now));
		if (stopped) {
			story->end = BAR_STOPPED;
			break;
		}
		for (i = 0; i < WAITING && story->end != BAR_ATTACHED; i++)
			if (q.poll[i].fd >= 0 && q.poll[i].revents)
				take(&q, i, story);
		now = now_ms();
	}
	story->waited_ms = (unsigned)(now_ms() - start);
}

int main(int argc, char **argv)
{
	struct bar_settings settings;
	struct bar_story story = { .end = BAR_USAGE };

	handle_signals();
	story.mistake = bar_read_settings(argc, argv, &settings);
	if (!story.mistake.what)
		wait_until_held(&settings, &story);
	return bar_report(&story);
}
