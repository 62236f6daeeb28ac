/* SPDX-License-Identifier: MPL-2.0 */
/* UDP in all ways that there are to send it. */
#include "probe.h"

#include <unistd.h>

/* udp ADDRESS PORT TEXT: a socket that was never connected */
static const char *udp(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_DGRAM, 0);
	union address to;
	socklen_t size = read_address(w[0], w[1], &to);
	const char *said;

	(void)count;
	said = outcome(sendto(fd, w[2], strlen(w[2]), 0, &to.any, size));
	close(fd);
	return said;
}

const struct step datagram_steps[] = {
	{ "udp", 3, udp },
	{ 0 },
};
