/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A DNS server and a DNS client on loopback, for measuring what stands between them.
 *
 * Usage: dns server            prints its port; every A query is answered, each with an address of its own
 *        dns client            takes these commands, one a line, and answers each with one line:
 *
 *   open ADDRESS PORT          one more socket, connected; sockets are numbered from 0
 *   ask COUNT PREFIX           COUNT names that nobody asked before, by every socket in turn:
 *                              nanoseconds, those of one query in a row, sockets in order
 *   again COUNT NAME           the same, always for this name
 *   flood RATE COUNT PREFIX    by the last socket: COUNT new names, RATE a second, without waiting:
 *                              sent, answered, milliseconds in all, p50 and p99 in nanoseconds
 */
#define _GNU_SOURCE
#include "bench.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_SOCKETS 8
#define MAX_ASKED 10000
#define PATIENCE_MS 5000
#define IDS 65536
/* A flood sends what is due so often. */
#define STEP_NS 500000ll

static int sockets[MAX_SOCKETS], opened;
static long long times[MAX_SOCKETS][MAX_ASKED];

static int udp(const char *address, int port, int connected)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, address, &name.sin_addr);
	/* Never beyond this machine. */
	if (ntohl(name.sin_addr.s_addr) >> 24 != 127 || fd < 0)
		die(address);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 4 << 20 }, sizeof(int));
	if (connected ? connect(fd, (struct sockaddr *)&name, sizeof(name)) :
			bind(fd, (struct sockaddr *)&name, sizeof(name)))
		die(address);
	return fd;
}

/* 198.18.0.0/15 is set aside for benchmarks (RFC 2544). Nothing is ever sent there. */
static __attribute__((noreturn)) void serve(void)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	int fd = udp("127.0.0.1", 0, 0);
	unsigned char m[1024];
	unsigned int served = 0;

	getsockname(fd, (struct sockaddr *)&from, &size);
	printf("%d\n", ntohs(from.sin_port));
	fflush(stdout);
	for (;;) {
		static const unsigned char record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4 };
		ssize_t n = recvfrom(fd, m, 512, 0, (struct sockaddr *)&from, (size = sizeof(from), &size));
		unsigned int address = htonl(0xc6120000u | (served++ & 0x1ffff)), end = 12;

		while (end < 512 && (ssize_t)end < n && m[end])
			end += m[end] + 1u;
		end += 5;
		if ((ssize_t)end > n)
			continue;
		m[2] = 0x81;
		m[3] = 0x80;
		memcpy(m + 4, "\0\1\0\1\0\0\0\0", 8);
		memcpy(m + end, record, sizeof(record));
		memcpy(m + end + sizeof(record), &address, 4);
		sendto(fd, m, end + sizeof(record) + 4, 0, (struct sockaddr *)&from, size);
	}
}

static int write_query(unsigned char *m, unsigned int id, const char *name)
{
	int end = 12;

	memcpy(m, (unsigned char[]){ id >> 8, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 }, 12);
	while (*name) {
		int length = (int)strcspn(name, ".");

		m[end++] = (unsigned char)length;
		memcpy(m + end, name, length);
		end += length;
		name += length + (name[length] == '.');
	}
	memcpy(m + end, "\0\0\1\0\1", 5);
	return end + 5;
}

/* Was it answered, with one address? */
static int good(const unsigned char *m, ssize_t n)
{
	return n > 12 && m[2] & 0x80 && !(m[3] & 15) && m[6] == 0 && m[7] == 1;
}

static long long ask(int fd, int id, const char *name)
{
	unsigned char m[1024];
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int size = write_query(m, (unsigned int)id, name);
	long long before = now_ns();
	ssize_t n;

	if (send(fd, m, size, 0) != size)
		die("send");
	do {
		if (poll(&wait, 1, PATIENCE_MS) != 1 || (n = recv(fd, m, sizeof(m), 0)) < 2)
			die("answer");
	} while ((m[0] << 8 | m[1]) != id);
	if (!good(m, n)) {
		fprintf(stderr, "%s was not answered: code %d\n", name, m[3] & 15);
		exit(1);
	}
	return now_ns() - before;
}

/* Every socket in turn, and each round begins with another one. */
static void ask_all(int count, const char *text, int again)
{
	static int id;
	char name[256];
	int k, i;

	for (k = 0; k < count; k++) {
		for (i = 0; i < opened; i++) {
			int which = (k + i) % opened;

			if (!again)
				snprintf(name, sizeof(name), "%s%d-%d.example.test", text, which, k);
			times[which][k] = ask(sockets[which], id++ % IDS, again ? text : name);
		}
	}
	for (k = 0; k < count; k++)
		for (i = 0; i < opened; i++)
			printf("%lld%c", times[i][k], k == count - 1 && i == opened - 1 ? '\n' : ' ');
}

static int ascending(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return x < y ? -1 : x > y;
}

static long long sent_at[IDS];

/* Takes answers until it is time for more, or the last came. */
static void take(int fd, long long until, long sent, long long *took, long *answered)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	unsigned char m[1024];
	ssize_t n;

	for (;;) {
		long long now = now_ns(), left = until - now;
		struct timespec patience = { .tv_nsec = left > 0 ? left % 1000000000 : 0,
					     .tv_sec = left > 0 ? left / 1000000000 : 0 };

		while ((n = recv(fd, m, sizeof(m), MSG_DONTWAIT)) > 12) {
			int id = m[0] << 8 | m[1];

			if (!good(m, n) || !sent_at[id])
				continue;
			took[(*answered)++] = now_ns() - sent_at[id];
			sent_at[id] = 0;
		}
		if (left <= 0 || *answered == sent)
			return;
		ppoll(&wait, 1, &patience, NULL);
	}
}

static void flood(long rate, long count, const char *prefix)
{
	long long *took = calloc(count, sizeof(*took)), start = now_ns(), end;
	int fd = sockets[opened - 1];
	long sent = 0, answered = 0;
	unsigned char m[512];
	char name[256];

	prctl(PR_SET_TIMERSLACK, 1);
	while (sent < count) {
		long due = (long)((now_ns() - start) * rate / 1000000000) + 1;

		for (; sent < due && sent < count; sent++) {
			int size;

			snprintf(name, sizeof(name), "%s%ld.example.test", prefix, sent);
			size = write_query(m, (unsigned int)(sent % IDS), name);
			sent_at[sent % IDS] = now_ns();
			if (send(fd, m, size, 0) != size)
				die("send");
		}
		/* Not until all answers are there: the next are due. */
		take(fd, start + (now_ns() - start) / STEP_NS * STEP_NS + STEP_NS, -1, took, &answered);
	}
	end = now_ns();
	take(fd, end + PATIENCE_MS * 1000000ll, sent, took, &answered);
	qsort(took, answered, sizeof(*took), ascending);
	printf("%ld %ld %lld %lld %lld\n", sent, answered, (end - start) / 1000000,
	       answered ? took[answered / 2] : 0, answered ? took[answered * 99 / 100] : 0);
	free(took);
}

static void command(char *line)
{
	char text[200];
	int port, rate, count;

	if (opened < MAX_SOCKETS && sscanf(line, "open %199s %d", text, &port) == 2) {
		sockets[opened] = udp(text, port, 1);
		printf("%d\n", opened++);
	} else if (sscanf(line, "ask %d %199s", &count, text) == 2 && count <= MAX_ASKED) {
		ask_all(count, text, 0);
	} else if (sscanf(line, "again %d %199s", &count, text) == 2 && count <= MAX_ASKED) {
		ask_all(count, text, 1);
	} else if (opened && sscanf(line, "flood %d %d %199s", &rate, &count, text) == 3 && rate > 0 &&
		   count > 0) {
		flood(rate, count, text);
	} else {
		fprintf(stderr, "no such command: %s\n", line);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	char line[512];

	if (argc == 2 && !strcmp(argv[1], "server"))
		serve();
	if (argc != 2 || strcmp(argv[1], "client"))
		return 2;
	while (next_command(line, sizeof(line)))
		command(line);
	return 0;
}
