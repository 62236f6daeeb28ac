/* SPDX-License-Identifier: MPL-2.0 */
/* Bytes to a DNS server, and what it answers. */
#include "probe.h"

#include <sys/time.h>
#include <unistd.h>

/* What comes after the first answer comes at once. */
static void hurry(int fd)
{
	struct timeval patience = { .tv_usec = 80000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static const char *exchange(int type, char **w)
{
	unsigned char bytes[MAX_BYTES];
	size_t length = unhex(w[2], bytes, sizeof(bytes)), got = 0;
	int fd = open_socket(w[0], type, 0);
	union address to;
	ssize_t n = -1;

	if (connect(fd, &to.any, read_address(w[0], w[1], &to)) ||
	    send(fd, bytes, length, MSG_NOSIGNAL) < 0) {
		close(fd);
		return outcome(-1);
	}
	/* A stream may bring several answers, and is read until nothing more comes for a while. */
	while (got < sizeof(bytes) && (n = recv(fd, bytes + got, sizeof(bytes) - got, 0)) > 0)
		if (got += (size_t)n, type == SOCK_DGRAM)
			break;
		else
			hurry(fd);
	close(fd);
	return got ? hex(bytes, got) : n < 0 ? outcome(-1) : "closed";
}

/* dns-udp ADDRESS PORT HEX */
static const char *dns_udp(char **w, int count)
{
	(void)count;
	return exchange(SOCK_DGRAM, w);
}

/* dns-tcp ADDRESS PORT HEX: in one segment, lengths and all */
static const char *dns_tcp(char **w, int count)
{
	(void)count;
	return exchange(SOCK_STREAM, w);
}

const struct step dns_steps[] = {
	{ "dns-udp", 3, dns_udp },
	{ "dns-tcp", 3, dns_tcp },
	{ 0 },
};
