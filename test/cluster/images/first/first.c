/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Sends before it does anything else, by every way that a container has: first ADDRESS ROUNDS [free]. Its exit
 * code says whether things are as they should be: 0 all that the kernel can refuse at once was refused (none
 * of it with `free`), 3 they are not, 2 it is not inside a lab or cannot try. One line says how often each way
 * was refused, of how many tries.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "inside-lab.h"

#define PORT 9
#define MOST_ROUNDS 10000
#define PAUSE_NS 5000000

static struct sockaddr_in to;

/* What the kernel said to one packet by a new socket. */
static int send_by(int type, int protocol, const void *bytes, size_t size)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), error = 0;

	if (fd < 0)
		return errno;
	if (sendto(fd, bytes, size, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to)) < 0)
		error = errno;
	close(fd);
	return error;
}

static int by_tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		error = errno;
	close(fd);
	return error;
}

static int by_udp(void)
{
	return send_by(SOCK_DGRAM, 0, "first", 5);
}

/* Its address hook is asked by connect, the packet hook alone by send. */
static int by_connected_udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || send(fd, "first", 5, MSG_NOSIGNAL) < 0)
		error = errno;
	close(fd);
	return error;
}

static uint16_t checksum(const void *bytes, size_t size)
{
	const uint16_t *word = bytes;
	uint32_t sum = 0;

	for (; size > 1; size -= 2)
		sum += *word++;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

static int by_icmp(void)
{
	struct icmphdr echo = { .type = ICMP_ECHO };

	echo.checksum = checksum(&echo, sizeof(echo));
	return send_by(SOCK_RAW, IPPROTO_ICMP, &echo, sizeof(echo));
}

struct packet {
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed, aligned(4)));

/* A whole packet, written here. */
static void write_packet(struct packet *packet, uint32_t from)
{
	*packet = (struct packet){
		.ip = { .ihl = 5, .version = 4, .ttl = 64, .protocol = IPPROTO_UDP,
			.tot_len = htons(sizeof(*packet)), .saddr = from, .daddr = to.sin_addr.s_addr },
		.udp = { .source = htons(1), .dest = to.sin_port, .len = htons(sizeof(packet->udp)) },
	};
	packet->ip.check = checksum(&packet->ip, sizeof(packet->ip));
}

static int by_raw(void)
{
	struct packet packet;

	write_packet(&packet, 0);
	return send_by(SOCK_RAW, IPPROTO_RAW, &packet, sizeof(packet));
}

static int open_frames(int protocol, struct sockaddr_ll *link)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons((uint16_t)protocol));

	*link = (struct sockaddr_ll){
		.sll_family = AF_PACKET,
		.sll_protocol = htons((uint16_t)protocol),
		.sll_ifindex = (int)if_nametoindex("eth0"),
		.sll_halen = ETH_ALEN,
	};
	memset(link->sll_addr, 0xff, ETH_ALEN);
	if (fd >= 0 && bind(fd, (struct sockaddr *)link, sizeof(*link))) {
		close(fd);
		return -1;
	}
	return fd;
}

struct question {
	struct arphdr head;
	uint8_t from[ETH_ALEN], from_ip[4], whom[ETH_ALEN], whom_ip[4];
} __attribute__((packed));

static struct sockaddr_ll gateway;
static uint32_t own_address;

/* Asks the node's end of the link for its hardware address, as the kernel would: a frame needs it. */
static int find_gateway(void)
{
	struct sockaddr_ll link, from;
	socklen_t size = sizeof(from);
	struct question ask = { .head = { htons(ARPHRD_ETHER), htons(ETH_P_IP), ETH_ALEN, 4,
					  htons(ARPOP_REQUEST) } };
	struct sockaddr_in own = { 0 }, any = to;
	struct pollfd wait = { .events = POLLIN };
	uint8_t answer[128];
	int routed = socket(AF_INET, SOCK_DGRAM, 0), fd = open_frames(ETH_P_ARP, &link), i;

	if (fd < 0 || routed < 0)
		return -1;
	/* Where a packet to the node's own address would go out tells this side's address. */
	any.sin_addr.s_addr = inet_addr("203.0.113.254");
	any.sin_port = htons(53);
	if (connect(routed, (struct sockaddr *)&any, sizeof(any)))
		return -1;
	getsockname(routed, (struct sockaddr *)&own, &(socklen_t){ sizeof(own) });
	own_address = own.sin_addr.s_addr;
	memcpy(ask.from_ip, &own_address, 4);
	memcpy(ask.whom_ip, &to.sin_addr, 4);
	getsockname(fd, (struct sockaddr *)&from, &size);
	memcpy(ask.from, from.sll_addr, ETH_ALEN);
	/* The node answers for its own address, which is the first of the pods' range. */
	ask.whom_ip[0] = ask.from_ip[0];
	ask.whom_ip[1] = ask.from_ip[1];
	ask.whom_ip[2] = 0;
	ask.whom_ip[3] = 1;
	wait.fd = fd;
	for (i = 0; i < 20; i++) {
		sendto(fd, &ask, sizeof(ask), 0, (struct sockaddr *)&link, sizeof(link));
		if (poll(&wait, 1, 50) != 1)
			continue;
		size = sizeof(gateway);
		if (recvfrom(fd, answer, sizeof(answer), 0, (struct sockaddr *)&gateway, &size) > 0)
			return 0;
	}
	return -1;
}

/* Past the IP layer of the pod: only the node's side can drop it, so this never fails here. */
static int by_frame(void)
{
	struct sockaddr_ll link;
	struct packet packet;
	int fd, error = 0;

	if (!own_address && find_gateway())
		return EHOSTUNREACH;
	fd = open_frames(ETH_P_IP, &link);
	if (fd < 0)
		return errno;
	memcpy(link.sll_addr, gateway.sll_addr, ETH_ALEN);
	write_packet(&packet, own_address);
	if (sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&link, sizeof(link)) < 0)
		error = errno;
	close(fd);
	return error;
}

static struct way {
	const char *name;
	int (*send)(void);
	int judged_here;
	int refused, tried, other;
} ways[] = {
	{ "tcp", by_tcp, 1, 0, 0, 0 },
	{ "udp", by_udp, 1, 0, 0, 0 },
	{ "connected-udp", by_connected_udp, 1, 0, 0, 0 },
	{ "icmp", by_icmp, 1, 0, 0, 0 },
	{ "raw", by_raw, 1, 0, 0, 0 },
	{ "frame", by_frame, 0, 0, 0, 0 },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void try(struct way *way)
{
	int error = way->send();

	way->tried++;
	way->refused += error == EPERM;
	if (error && error != EPERM)
		way->other = error;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 0, free = argc > 3, wrong = 0;
	size_t i;

	to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT) };
	if (rounds < 1 || rounds > MOST_ROUNDS || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
	    !inside_lab()) {
		fputs("first: ADDRESS ROUNDS [free], inside a lab\n", stderr);
		return 2;
	}
	while (rounds--) {
		for (i = 0; i < WAYS; i++)
			try(&ways[i]);
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	}
	for (i = 0; i < WAYS; i++) {
		wrong |= ways[i].judged_here && ways[i].refused != (free ? 0 : ways[i].tried);
		printf("%s %d/%d%s%s ", ways[i].name, ways[i].refused, ways[i].tried,
		       ways[i].other ? " " : "", ways[i].other ? strerror(ways[i].other) : "");
	}
	printf("\n");
	return wrong ? 3 : 0;
}
