/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Sends packets as fast as it can, so that the kernel's own statistics can say what a program cost each.
 * Usage: sender udp|connected|tcp COUNT PORT ADDRESS...
 * Waits for a line on stdin before it sends, so that it can be put into a cgroup first.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ADDRESSES 64

int main(int argc, char **argv)
{
	struct sockaddr_in to[MAX_ADDRESSES] = { { 0 } };
	int addresses = argc - 4, stream, connected, fd, i;
	char payload[64] = "torwacht bench", line[8];
	long count, sent = 0, k;

	if (addresses < 1 || addresses > MAX_ADDRESSES)
		return 2;
	stream = !strcmp(argv[1], "tcp");
	connected = stream || !strcmp(argv[1], "connected");
	count = atol(argv[2]);
	for (i = 0; i < addresses; i++) {
		to[i].sin_family = AF_INET;
		to[i].sin_port = htons((unsigned short)atoi(argv[3]));
		if (inet_pton(AF_INET, argv[4 + i], &to[i].sin_addr) != 1)
			return 2;
	}
	if (!fgets(line, sizeof(line), stdin))
		return 3;
	fd = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	if (fd < 0 || (connected && connect(fd, (struct sockaddr *)&to[0], sizeof(to[0])))) {
		perror("sender");
		return 1;
	}
	if (stream)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	for (k = 0; k < count; k++) {
		struct sockaddr_in *dest = &to[k % addresses];

		if (connected)
			sent += send(fd, payload, sizeof(payload), MSG_NOSIGNAL) > 0;
		else
			sent += sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)dest,
				       sizeof(*dest)) > 0;
	}
	printf("%ld\n", sent);
	return 0;
}
