/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Asks for one name after the other as fast as it can: flood SERVER DOMAIN SECONDS asks for n0.DOMAIN,
 * n1.DOMAIN… and says at the end `SENT REFUSED ANSWERED`. Bounded in time and number, and only inside a lab.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "inside-lab.h"

#define MOST_SECONDS 300
#define MOST_QUERIES 100000000l

/* A name as labels, after `at`; the place behind it. */
static unsigned char *put_name(unsigned char *at, const char *name)
{
	size_t length;

	while (*name) {
		length = strcspn(name, ".");
		*at++ = (unsigned char)length;
		memcpy(at, name, length);
		at += length;
		name += length + (name[length] == '.');
	}
	*at++ = 0;
	return at;
}

static size_t write_query(unsigned char *query, long number, const char *domain)
{
	static const unsigned char head[12] = { [2] = 1, [5] = 1 }, tail[4] = { 0, 1, 0, 1 };
	unsigned char *at = query + sizeof(head);
	char name[256];

	memcpy(query, head, sizeof(head));
	query[0] = (unsigned char)(number >> 8);
	query[1] = (unsigned char)number;
	snprintf(name, sizeof(name), "n%ld.%.200s", number, domain);
	at = put_name(at, name);
	memcpy(at, tail, sizeof(tail));
	return (size_t)(at + sizeof(tail) - query);
}

int main(int argc, char **argv)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(53) };
	long sent, refused = 0, answered = 0;
	unsigned char query[512], answer[512];
	time_t end;
	int fd;

	if (argc < 4 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || !inside_lab()) {
		fputs("flood: SERVER DOMAIN SECONDS, inside a lab\n", stderr);
		return 2;
	}
	end = time(NULL) + (atoi(argv[3]) < MOST_SECONDS ? atoi(argv[3]) : MOST_SECONDS);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server))) {
		perror("flood");
		return 1;
	}
	for (sent = 0; sent < MOST_QUERIES && time(NULL) < end; sent++) {
		refused += send(fd, query, write_query(query, sent, argv[2]), MSG_NOSIGNAL) < 0;
		while (recv(fd, answer, sizeof(answer), 0) > 0)
			answered++;
	}
	printf("%ld %ld %ld\n", sent, refused, answered);
	return 0;
}
