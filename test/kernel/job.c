/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What a job does all the time, until its input closes: then one line says how it went. Inside the lab alone.
 *
 *   hammer ADDRESS PORT     connects and datagrams to a place where it may not go: "tried N passed N"
 *   lookups NAME            a look-up by the C library every 10 ms, each in a thread: "tried N failed N"
 *   download ADDRESS PORT   reads one connection to its end: "bytes N"
 */
#define _GNU_SOURCE
#include "../lab/probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Ten minutes of look-ups; nothing here runs for ever. */
#define MAX_LOOKUPS 60000
/* Of a download, for what comes next. */
#define PATIENCE_MS 20000

/* Waits so many ms, or until the input closes. */
static int told_to_end(int ms)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	char byte;

	return poll(&input, 1, ms) > 0 && read(0, &byte, 1) <= 0;
}

static struct sockaddr_in place(char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1])) };

	inet_pton(AF_INET, argv[0], &to.sin_addr);
	return to;
}

static int hammer(char **argv)
{
	struct sockaddr_in to = place(argv);
	long tried = 0, passed = 0;
	int tcp, udp;

	do {
		tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		passed += connect(tcp, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == EINPROGRESS;
		passed += sendto(udp, "secret", 6, 0, (struct sockaddr *)&to, sizeof(to)) >= 0;
		tried += 2;
		close(tcp);
		close(udp);
	} while (!told_to_end(1));
	printf("tried %ld passed %ld\n", tried, passed);
	return 0;
}

static long failed;

static void *look_up(void *name)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found = NULL;

	if (getaddrinfo(name, NULL, &hints, &found))
		__atomic_add_fetch(&failed, 1, __ATOMIC_SEQ_CST);
	else
		freeaddrinfo(found);
	return NULL;
}

static int lookups(char **argv)
{
	static pthread_t threads[MAX_LOOKUPS];
	long tried = 0, i;

	/* resolv.conf(5): 5 s by default. A machine that runs other tests takes its time to start an agent. */
	setenv("RES_OPTIONS", "timeout:15", 1);
	while (tried < MAX_LOOKUPS && !told_to_end(10)) {
		if (pthread_create(&threads[tried], NULL, look_up, argv[0]))
			return 1;
		tried++;
	}
	for (i = 0; i < tried; i++)
		pthread_join(threads[i], NULL);
	printf("tried %ld failed %ld\n", tried, failed);
	return 0;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Comes anything, or the end, in time? Being stopped meanwhile (EINTR) takes of the time and no more. */
static int comes(int fd)
{
	struct pollfd input = { .fd = fd, .events = POLLIN };
	long long limit = now_ms() + PATIENCE_MS, left;

	while ((left = limit - now_ms()) > 0)
		if (poll(&input, 1, (int)left) > 0)
			return 1;
	return 0;
}

static int download(char **argv)
{
	struct sockaddr_in to = place(argv);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char bytes[65536];
	long total = 0;
	ssize_t n = -1;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		printf("%s\n", strerror(errno));
		return 1;
	}
	printf("open\n");
	while (comes(fd) && (n = read(fd, bytes, sizeof(bytes))) > 0)
		total += n;
	printf("bytes %ld%s\n", total, n ? " cut" : "");
	return 0;
}

int main(int argc, char **argv)
{
	if (!inside_lab()) {
		fputs("job: not inside a lab\n", stderr);
		return 9;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && !strcmp(argv[1], "hammer"))
		return hammer(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "lookups"))
		return lookups(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "download"))
		return download(argv + 2);
	return 64;
}
