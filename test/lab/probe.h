/* SPDX-License-Identifier: MPL-2.0 */
/* What programs of tests and benches share: the look where they are, and words that become bytes and addresses. */
#ifndef TW_LAB_PROBE_H
#define TW_LAB_PROBE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A line of a file of this network namespace that has both words. */
static inline int has_line(const char *path, const char *one, const char *other)
{
	FILE *file = fopen(path, "re");
	char line[512];
	int found = 0;

	while (file && fgets(line, sizeof(line), file))
		found |= strstr(line, one) && strstr(line, other);
	if (file)
		fclose(file);
	return found;
}

/*
 * Nothing may be sent elsewhere. As test/lab/mark.ts: the lab's link itself, or the route of a cluster's pod to
 * it (203.0.113.254/32).
 */
static inline int inside_lab(void)
{
	return has_line("/proc/self/net/dev", "twlab-mark:", ":") ||
	       has_line("/proc/self/net/route", "\tFE7100CB\t", "\tFFFFFFFF\t");
}

/* Bytes that are written as hex digits; gives how many. */
static inline size_t unhex(const char *text, unsigned char *out, size_t size)
{
	size_t n = 0;

	while (text && n < size && sscanf(text + 2 * n, "%2hhx", out + n) == 1)
		n++;
	return n;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* IPv6 where there is a colon; gives the size of what was read. */
static inline socklen_t read_address(const char *text, const char *port, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (strchr(text, ':')) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((unsigned short)atoi(port));
		inet_pton(AF_INET6, text, &out->v6.sin6_addr);
		return sizeof(out->v6);
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons((unsigned short)atoi(port));
	inet_pton(AF_INET, text, &out->v4.sin_addr);
	return sizeof(out->v4);
}

#endif
