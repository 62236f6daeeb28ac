/* SPDX-License-Identifier: MPL-2.0 */
/* UDP in all ways that there are to send it. */
#include "probe.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef IPPROTO_L2TP
#define IPPROTO_L2TP 115
#endif
#define MAX_DATAGRAM 60000

static long send_to(int fd, const char *address, const char *port, const void *bytes, size_t length)
{
	union address to;
	socklen_t size = read_address(address, port, &to);

	return sendto(fd, bytes, length, 0, &to.any, size);
}

static const char *datagram(int fd, char **w)
{
	const char *said;

	if (fd < 0)
		return outcome(-1);
	said = outcome(send_to(fd, w[0], w[1], w[2], strlen(w[2])));
	close(fd);
	return said;
}

/* udp ADDRESS PORT TEXT: a socket that was never connected */
static const char *udp(char **w, int count)
{
	(void)count;
	return datagram(open_socket(w[0], SOCK_DGRAM, 0), w);
}

/* udp-lite ADDRESS PORT TEXT */
static const char *udp_lite(char **w, int count)
{
	(void)count;
	return datagram(open_socket(w[0], SOCK_DGRAM, IPPROTO_UDPLITE), w);
}

/* udp-option OPTION ADDRESS PORT TEXT */
static const char *udp_option(char **w, int count)
{
	int fd = open_socket(w[1], SOCK_DGRAM, 0);

	(void)count;
	if (set_option(fd, w[0])) {
		close(fd);
		return sentence("option: %s", strerrorname_np(errno));
	}
	return datagram(fd, w + 1);
}

/* udp-connected ADDRESS PORT TEXT */
static const char *udp_connected(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_DGRAM, 0);
	union address to;
	long result = connect(fd, &to.any, read_address(w[0], w[1], &to));
	const char *said;

	(void)count;
	said = outcome(result ? result : send(fd, w[2], strlen(w[2]), 0));
	close(fd);
	return said;
}

/* udp-elsewhere ADDRESS PORT ADDRESS PORT TEXT: connected to the first, sends to the second */
static const char *udp_elsewhere(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_DGRAM, 0);
	union address to;

	(void)count;
	if (connect(fd, &to.any, read_address(w[0], w[1], &to)) || send(fd, "x", 1, 0) < 0) {
		close(fd);
		return sentence("first: %s", strerrorname_np(errno));
	}
	return datagram(fd, w + 2);
}

/* sendmmsg ADDRESS PORT ADDRESS TEXT: to the first, to the second, to the first; how many went */
static const char *many(char **w, int count)
{
	struct mmsghdr messages[3] = { 0 };
	union address to[3];
	struct iovec part = { .iov_base = w[3], .iov_len = strlen(w[3]) };
	int fd = open_socket(w[0], SOCK_DGRAM, 0), sent, i;

	(void)count;
	for (i = 0; i < 3; i++) {
		messages[i].msg_hdr.msg_name = &to[i];
		messages[i].msg_hdr.msg_namelen = read_address(w[i == 1 ? 2 : 0], w[1], &to[i]);
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(fd, messages, 3, 0);
	close(fd);
	return sent < 0 ? outcome(sent) : sentence("%d", sent);
}

/*
 * share PORT TEXT: joins the port of a service that shares it, and sends to that port of many addresses
 * of loopback, since the kernel chooses among those who share it by a hash
 */
static const char *share_port(char **w, const char *option)
{
	int own = open_socket("0.0.0.0", SOCK_DGRAM, 0), fd, i, sent = 0;
	union address at;
	socklen_t size = read_address("0.0.0.0", w[0], &at);

	if (set_option(own, "reuseport") || bind(own, &at.any, size))
		return outcome(-1);
	if (option && set_option(own, option)) {
		close(own);
		return sentence("option: %s", strerrorname_np(errno));
	}
	for (i = 1; i < 60; i++) {
		fd = open_socket("0.0.0.0", SOCK_DGRAM, 0);
		at.v4.sin_addr.s_addr = htonl(0x7f000000 + (unsigned int)i);
		sent += sendto(fd, w[1], strlen(w[1]), 0, &at.any, size) > 0;
		close(fd);
	}
	close(own);
	return sent ? sentence("%d sent", sent) : outcome(-1);
}

static const char *share(char **w, int count)
{
	(void)count;
	return share_port(w, NULL);
}

/* steer PORT TEXT: the same, and all of it goes to the service, whatever the hash says */
static const char *steer(char **w, int count)
{
	(void)count;
	return share_port(w, "steer");
}

/* family FAMILY FAMILY ADDRESS PORT TEXT: a socket of the first, an IPv4 address that claims the second */
static const char *family(char **w, int count)
{
	int fd = socket(!strcmp(w[0], "inet6") ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	union address to;
	socklen_t size = read_address(w[2], w[3], &to);
	const char *said;

	(void)count;
	to.any.sa_family = !strcmp(w[1], "unspec") ? AF_UNSPEC : AF_INET;
	said = outcome(sendto(fd, w[4], strlen(w[4]), 0, &to.any, size));
	close(fd);
	return said;
}

/* join ADDRESS: becomes a member of a group, which the kernel tells the neighbours */
static const char *join(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_DGRAM, 0);
	struct ip_mreqn group = { .imr_ifindex = (int)if_nametoindex("twlab-mark") };
	const char *said;

	(void)count;
	inet_pton(AF_INET, w[0], &group.imr_multiaddr);
	said = outcome(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)));
	usleep(600000);	/* the report is sent a little later */
	close(fd);
	return said;
}

/* udp-large ADDRESS PORT SIZE: the kernel cuts it into fragments */
static const char *udp_large(char **w, int count)
{
	static char bytes[MAX_DATAGRAM];
	size_t size = (size_t)atol(w[2]);
	int fd = open_socket(w[0], SOCK_DGRAM, 0);
	const char *said;

	(void)count;
	memset(bytes, 'x', sizeof(bytes));
	said = outcome(send_to(fd, w[0], w[1], bytes, size < MAX_DATAGRAM ? size : MAX_DATAGRAM));
	close(fd);
	return said;
}

/* transport KIND ADDRESS PORT TEXT: protocols with sockets of their own */
static const char *transport(char **w, int count)
{
	static const struct {
		const char *kind;
		int type, protocol;
	} kinds[] = {
		{ "sctp", SOCK_STREAM, IPPROTO_SCTP },
		{ "sctp-message", SOCK_SEQPACKET, IPPROTO_SCTP },
		{ "dccp", 6 /* SOCK_DCCP */, IPPROTO_DCCP },
		{ "l2tp", SOCK_DGRAM, IPPROTO_L2TP },
	};
	union address to;
	size_t i;
	int fd;

	(void)count;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].kind, w[0]))
			continue;
		fd = open_socket(w[1], kinds[i].type, kinds[i].protocol);
		if (fd < 0)
			return sentence("no socket: %s", strerrorname_np(errno));
		if (kinds[i].type == SOCK_DGRAM || kinds[i].type == SOCK_SEQPACKET)
			return datagram(fd, w + 1);
		return outcome(connect(fd, &to.any, read_address(w[1], w[2], &to)));
	}
	return "no such kind";
}

const struct step datagram_steps[] = {
	{ "udp", 3, udp },
	{ "udp-lite", 3, udp_lite },
	{ "udp-option", 4, udp_option },
	{ "udp-connected", 3, udp_connected },
	{ "udp-elsewhere", 5, udp_elsewhere },
	{ "sendmmsg", 4, many },
	{ "share", 2, share },
	{ "steer", 2, steer },
	{ "family", 5, family },
	{ "join", 1, join },
	{ "udp-large", 3, udp_large },
	{ "transport", 4, transport },
	{ 0 },
};
