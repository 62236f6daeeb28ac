/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A program that does what it is told with sockets, one line a command, one line an answer: what the
 * call returned, or the name of its errno. It runs inside the lab alone. Payloads are hex.
 */
#define _GNU_SOURCE
#include "../lab/probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORDS 32
#define MAX_BYTES 2048

static void answer(long result)
{
	if (result < 0)
		printf("%s\n", strerrorname_np(errno));
	else
		printf("%ld\n", result);
}

static const char *show_address(const union address *a)
{
	static char out[80];
	char text[64] = "none";

	if (a->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof(text));
		snprintf(out, sizeof(out), "[%s]:%d", text, ntohs(a->v6.sin6_port));
	} else {
		inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof(text));
		snprintf(out, sizeof(out), "%s:%d", text, ntohs(a->v4.sin_port));
	}
	return out;
}

/* No call waits for ever: a packet that was dropped shows as EAGAIN or EINPROGRESS after so many ms. */
static long patience_ms = 30000;

static void open_socket(const char *kind)
{
	static const struct {
		const char *kind;
		int family, type, protocol;
	} kinds[] = {
		{ "tcp", AF_INET, SOCK_STREAM, 0 },
		{ "udp", AF_INET, SOCK_DGRAM, 0 },
		{ "tcp6", AF_INET6, SOCK_STREAM, 0 },
		{ "udp6", AF_INET6, SOCK_DGRAM, 0 },
		{ "raw", AF_INET, SOCK_RAW, IPPROTO_RAW },
		{ "raw-tcp", AF_INET, SOCK_RAW, IPPROTO_TCP },
		{ "icmp", AF_INET, SOCK_RAW, IPPROTO_ICMP },
	};
	struct timeval patience = { patience_ms / 1000, patience_ms % 1000 * 1000 };
	size_t i;
	int fd;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].kind, kind))
			continue;
		fd = socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC, kinds[i].protocol);
		if (fd >= 0) {
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		}
		answer(fd);
		return;
	}
	puts("no such kind");
}

static void receive(int fd)
{
	union address from = { .any.sa_family = AF_UNSPEC };
	socklen_t size = sizeof(from);
	unsigned char bytes[MAX_BYTES];
	ssize_t n, i;

	/* A wait with a limit is not taken up again by the kernel when the process was stopped in it. */
	do
		n = recvfrom(fd, bytes, sizeof(bytes), 0, &from.any, &size);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		answer(n);
		return;
	}
	for (i = 0; i < n; i++)
		printf("%02x", bytes[i]);
	printf(" %s\n", size ? show_address(&from) : "connected");
}

static void send_many(int fd, char **words, int count)
{
	struct mmsghdr messages[MAX_WORDS] = { 0 };
	struct iovec part = { .iov_base = "x", .iov_len = 1 };
	union address to[MAX_WORDS];
	int i;

	for (i = 1; i < count; i++) {
		messages[i - 1].msg_hdr.msg_name = &to[i - 1];
		messages[i - 1].msg_hdr.msg_namelen = read_address(words[i], words[0], &to[i - 1]);
		messages[i - 1].msg_hdr.msg_iov = &part;
		messages[i - 1].msg_hdr.msg_iovlen = 1;
	}
	answer(sendmmsg(fd, messages, (unsigned)count - 1, 0));
}

/* A datagram to each of `count` addresses from the first on; answers how many were refused. */
static void flood(int fd, const char *first, const char *port, long count)
{
	union address to;
	socklen_t size = read_address(first, port, &to);
	long refused = 0, i;

	for (i = 0; i < count; i++) {
		refused += sendto(fd, "x", 1, 0, &to.any, size) < 0 && errno == EPERM;
		to.v4.sin_addr.s_addr = htonl(ntohl(to.v4.sin_addr.s_addr) + 1);
	}
	printf("%ld\n", refused);
}

/* The same datagram again and again; answers how often it was refused. */
static void repeat(int fd, char **words)
{
	unsigned char bytes[MAX_BYTES];
	size_t length = unhex(words[2], bytes, MAX_BYTES);
	union address to;
	socklen_t size = read_address(words[0], words[1], &to);
	long refused = 0, count = atol(words[3]), i;

	for (i = 0; i < count; i++)
		refused += sendto(fd, bytes, length, 0, &to.any, size) < 0 && errno == EPERM;
	printf("%ld\n", refused);
}

static void die_sending(const char *comm, char **words)
{
	union address to;
	socklen_t size = read_address(words[0], words[1], &to);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	prctl(PR_SET_NAME, comm, 0, 0, 0);
	_exit(sendto(fd, "x", 1, 0, &to.any, size) < 0 && errno == EPERM ? 0 : 1);
}

/* Two processes, one after the other, with one pid; answers the pid when both were refused. */
static void reuse(char **words)
{
	struct clone_args again = { .exit_signal = SIGCHLD, .set_tid_size = 1 };
	int first = 1, second = 1;
	pid_t pid = fork();

	if (!pid)
		die_sending("first", words);
	waitpid(pid, &first, 0);
	again.set_tid = (unsigned long)&pid;
	if (syscall(SYS_clone3, &again, sizeof(again)) == 0)
		die_sending("second", words);
	waitpid(pid, &second, 0);
	printf("%d\n", first || second ? -1 : pid);
}

static void name(int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
	union address a;
	socklen_t size = sizeof(a);

	if (ask(fd, &a.any, &size))
		answer(-1);
	else
		puts(show_address(&a));
}

/* With what it still had to send thrown away: it must not go out when a later rule lets it. */
static int close_now(int fd)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	return close(fd);
}

/* An IP packet straight to a link and a hardware address, past the IP layer. */
static void send_frame(const char *link, const char *mac, const char *packet)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6 };
	unsigned char bytes[MAX_BYTES];
	size_t size = unhex(packet, bytes, MAX_BYTES);
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	to.sll_ifindex = (int)if_nametoindex(link);
	unhex(mac, to.sll_addr, sizeof(to.sll_addr));
	answer(fd < 0 ? fd : sendto(fd, bytes, size, 0, (struct sockaddr *)&to, sizeof(to)));
	if (fd >= 0)
		close(fd);
}

static void obey(char **w, int count)
{
	const char *verb = w[0];
	int fd = count > 1 ? atoi(w[1]) : -1;
	unsigned char bytes[MAX_BYTES + 1];
	union address to;
	size_t size;

	if (!strcmp(verb, "socket") && count == 2)
		open_socket(w[1]);
	else if (!strcmp(verb, "patience") && count == 2)
		patience_ms = atol(w[1]), answer(0);
	else if (!strcmp(verb, "connect") && count == 4)
		answer(connect(fd, &to.any, read_address(w[2], w[3], &to)));
	else if (!strcmp(verb, "disconnect"))
		answer(connect(fd, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr)));
	else if (!strcmp(verb, "bind") && count == 4)
		answer(bind(fd, &to.any, read_address(w[2], w[3], &to)));
	else if (!strcmp(verb, "send") && count == 3)
		answer(send(fd, bytes, unhex(w[2], bytes, MAX_BYTES), MSG_NOSIGNAL));
	else if (!strcmp(verb, "sendto") && count == 5)
		size = unhex(w[4], bytes, MAX_BYTES),
		answer(sendto(fd, bytes, size, MSG_NOSIGNAL, &to.any, read_address(w[2], w[3], &to)));
	else if (!strcmp(verb, "sendmmsg") && count > 3)
		send_many(fd, w + 2, count - 2);
	else if (!strcmp(verb, "flood") && count == 5)
		flood(fd, w[2], w[3], atol(w[4]));
	else if (!strcmp(verb, "frame") && count == 4)
		send_frame(w[1], w[2], w[3]);
	else if (!strcmp(verb, "repeat") && count == 6)
		repeat(fd, w + 2);
	else if (!strcmp(verb, "reuse") && count == 3)
		reuse(w + 1);
	else if (!strcmp(verb, "recv"))
		receive(fd);
	else if (!strcmp(verb, "peer"))
		name(fd, getpeername);
	else if (!strcmp(verb, "own"))
		name(fd, getsockname);
	else if (!strcmp(verb, "listen"))
		answer(listen(fd, 8));
	else if (!strcmp(verb, "accept"))
		answer(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	else if (!strcmp(verb, "close"))
		answer(close_now(fd));
	else if (!strcmp(verb, "rename") && count == 2)
		bytes[unhex(w[1], bytes, MAX_BYTES)] = 0, answer(prctl(PR_SET_NAME, bytes, 0, 0, 0));
	else
		puts("no such command");
}

int main(void)
{
	char line[2 * MAX_BYTES + 256], *words[MAX_WORDS], *rest;
	int count;

	if (!inside_lab()) {
		fputs("probe: not inside a lab\n", stderr);
		return 9;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%d\n", getpid());
	while (fgets(line, sizeof(line), stdin)) {
		rest = line;
		for (count = 0; count < MAX_WORDS; count++)
			if (!(words[count] = strtok_r(rest, " \n", &rest)))
				break;
		if (count)
			obey(words, count);
	}
	return 0;
}
