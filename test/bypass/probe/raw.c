/* SPDX-License-Identifier: MPL-2.0 */
/* Packets that the sender makes himself: raw sockets, ping sockets, frames. */
#include "probe.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <stdio.h>
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

/* The other end of the lab's link, or of a pod's only one, to which its gateway answered before. */
static int next_hop(struct sockaddr_ll *to)
{
	FILE *known = fopen("/proc/self/net/arp", "re");
	unsigned char *m = to->sll_addr;
	char line[256];
	int found = 0;

	to->sll_ifindex = (int)if_nametoindex("twlab-mark");
	memcpy(m, far_end, ETH_ALEN);
	if (!to->sll_ifindex) {
		to->sll_ifindex = (int)if_nametoindex("eth0");
		while (known && !found && fgets(line, sizeof(line), known))
			found = sscanf(line, "%*s %*s %*s %hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1,
				       m + 2, m + 3, m + 4, m + 5) == ETH_ALEN;
	}
	if (known)
		fclose(known);
	return to->sll_ifindex ? 0 : -1;
}

int send_frame(int fd, const unsigned char *packet, size_t length)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(packet[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP),
		.sll_halen = ETH_ALEN,
	};

	if (next_hop(&to))
		return -1;
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
