/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Connecting a UDP socket asks the address hooks and sends nothing. A datagram on a connected socket
 * asks no address hook any more, so a refusal then is the packet hook's. Both say EPERM; a missing
 * route, or a file of rules elsewhere, says something else.
 */
#include "probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include "protocol.h"

static int open_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* 0, or why not. */
static int connect_to(int fd, uint32_t address)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(BAR_PROBE_PORT),
		.sin_addr.s_addr = htonl(address),
	};

	return connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
}

static int send_datagram(int fd)
{
	static const char payload[] = "torwacht barrier";

	return send(fd, payload, sizeof(payload) - 1, MSG_NOSIGNAL) < 0 ? errno : 0;
}

struct bar_proof bar_prove(void)
{
	struct bar_proof proof = { 0 };
	int fd = open_socket(), error;

	if (fd < 0)
		return (struct bar_proof){ "no socket could be opened", errno };
	error = connect_to(fd, BAR_PROBE_OF_ADDRESSES);
	if (error != EPERM) {
		proof = (struct bar_proof){ "the address hooks did not refuse 192.0.2.252", error };
		goto out;
	}
	error = connect_to(fd, BAR_PROBE_OF_PACKETS);
	if (error) {
		proof = (struct bar_proof){ "the address hooks did not let 192.0.2.253 pass", error };
		goto out;
	}
	error = send_datagram(fd);
	if (error != EPERM)
		proof = (struct bar_proof){ "the packet hook did not refuse 192.0.2.253", error };
out:
	close(fd);
	return proof;
}
