/* SPDX-License-Identifier: MPL-2.0 */
/* Packets that the sender makes himself: raw sockets, ping sockets, frames. */
#include "probe.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

/* The far end of the lab's link, test/lab/addresses.ts. */
static const unsigned char far_end[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 };

static const char *raw_send(int protocol, const char *address, const char *bytes_in_hex)
{
	unsigned char bytes[MAX_BYTES];
	size_t length = unhex(bytes_in_hex, bytes, sizeof(bytes));
	int fd = open_socket(address, SOCK_RAW, protocol);
	union address to;
	socklen_t size = read_address(address, "0", &to);
	const char *said;

	if (fd < 0)
		return sentence("no socket: %s", strerrorname_np(errno));
	said = outcome(sendto(fd, bytes, length, 0, &to.any, size));
	close(fd);
	return said;
}

/* raw PROTOCOL ADDRESS HEX: the kernel writes the IP header */
static const char *raw(char **w, int count)
{
	(void)count;
	return raw_send(atoi(w[0]), w[1], w[2]);
}

/* raw-packet ADDRESS HEX: the header is in it; the address says where it goes first */
static const char *raw_packet(char **w, int count)
{
	(void)count;
	return raw_send(IPPROTO_RAW, w[0], w[1]);
}

/* ping ADDRESS TEXT: an echo request by the socket that needs no capability (icmp(7)) */
static const char *ping(char **w, int count)
{
	unsigned char echo[MAX_BYTES] = { 8, 0, 0, 0, 0, 1, 0, 1 };
	int six = !!strchr(w[0], ':');
	int fd = open_socket(w[0], SOCK_DGRAM, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	union address to;
	socklen_t size = read_address(w[0], "0", &to);
	const char *said;

	(void)count;
	if (fd < 0)
		return sentence("no socket: %s", strerrorname_np(errno));
	if (six)
		echo[0] = 128;
	memcpy(echo + 8, w[1], strlen(w[1]));
	said = outcome(sendto(fd, echo, 8 + strlen(w[1]), 0, &to.any, size));
	close(fd);
	return said;
}

int send_frame(int fd, const unsigned char *packet, size_t length)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(packet[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex("twlab-mark"),
		.sll_halen = ETH_ALEN,
	};

	memcpy(to.sll_addr, far_end, ETH_ALEN);
	return sendto(fd, packet, length, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -1 : 0;
}

/* frame HEX: an IP packet by a packet socket, which no hook of IP sees */
static const char *frame(char **w, int count)
{
	unsigned char bytes[MAX_BYTES];
	size_t length = unhex(w[0], bytes, sizeof(bytes));
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *said;

	(void)count;
	if (fd < 0)
		return sentence("no socket: %s", strerrorname_np(errno));
	said = outcome(send_frame(fd, bytes, length));
	close(fd);
	return said;
}

const struct step raw_steps[] = {
	{ "raw", 3, raw },
	{ "raw-packet", 2, raw_packet },
	{ "ping", 2, ping },
	{ "frame", 1, frame },
	{ 0 },
};
