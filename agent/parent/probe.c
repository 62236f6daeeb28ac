/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include "probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* What agent/daemon/options.ts takes where nothing is said. */
#define TW_LISTEN "127.0.0.1:9465"
#define TW_LIMIT 3	/* s */
#define TW_REPLY 1024

union tw_address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/* `address:port`, brackets around an IPv6 address. Its length, 0: it is none. */
static socklen_t tw_parse(const char *text, union tw_address *to)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	int bracket = text[0] == '[';
	size_t length = colon ? (size_t)(colon - text) : 0;
	int port = colon ? atoi(colon + 1) : 0;

	if (length < (bracket ? 3u : 1u) || length >= sizeof(host) || port < 1 || port > 65535)
		return 0;
	memcpy(host, text + bracket, length - 2 * (size_t)bracket);
	host[length - 2 * (size_t)bracket] = 0;
	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, host, &to->four.sin_addr) == 1) {
		to->four.sin_family = AF_INET;
		to->four.sin_port = htons((unsigned short)port);
		return sizeof(to->four);
	}
	if (inet_pton(AF_INET6, host, &to->six.sin6_addr) == 1) {
		to->six.sin6_family = AF_INET6;
		to->six.sin6_port = htons((unsigned short)port);
		return sizeof(to->six);
	}
	return 0;
}

/* The status and the headers of what is answered, closed with a NUL. 0, or -1. */
static int tw_ask(const union tw_address *where, socklen_t size, char *reply)
{
	static const char question[] = "GET /healthz HTTP/1.0\r\n\r\n";
	struct timeval limit = { .tv_sec = TW_LIMIT };
	int fd = socket(where->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), result = -1;
	size_t got = 0;
	ssize_t more;
	char *end;

	if (fd < 0)
		return -1;
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) &&
	    !connect(fd, &where->any, size) &&
	    send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) == sizeof(question) - 1) {
		while (got < TW_REPLY - 1 && (more = recv(fd, reply + got, TW_REPLY - 1 - got, 0)) > 0)
			got += (size_t)more;
		result = 0;
	}
	reply[got] = 0;
	end = strstr(reply, "\r\n\r\n");
	if (end)	/* what comes then is no header */
		end[2] = 0;
	close(fd);
	return result;
}

int tw_probe(void)
{
	const char *listen = getenv("TORWACHT_LISTEN"), *instance = getenv("TORWACHT_INSTANCE");
	char reply[TW_REPLY], line[256];
	union tw_address where;
	socklen_t size = tw_parse(listen ? listen : TW_LISTEN, &where);

	if (!size) {
		fputs("torwacht-parent: TORWACHT_LISTEN is no address:port\n", stderr);
		return 64;
	}
	if (tw_ask(&where, size, reply)) {
		fprintf(stderr, "no agent answers: %s\n", strerror(errno));
		return 1;
	}
	if (strncmp(reply, "HTTP/1.1 200 ", 13)) {
		fprintf(stderr, "the agent is not well: %.*s\n", (int)strcspn(reply, "\r\n"), reply);
		return 1;
	}
	snprintf(line, sizeof(line), "\r\ntorwacht-instance: %s\r\n", instance ? instance : "");
	if (instance && !strcasestr(reply, line)) {
		fputs("another agent answers: this one has not taken over yet\n", stderr);
		return 1;
	}
	return 0;
}
