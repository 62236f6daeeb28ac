/* SPDX-License-Identifier: MPL-2.0 */
/* Network namespaces: entering one for a moment, and asking it over netlink. */
#define _GNU_SOURCE
#include "netns.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TW_HERE -1024	/* nothing was entered */

int tw_enter(const char *path)
{
	int before, there, err = 0;

	if (!*path)
		return TW_HERE;
	before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (before < 0)
		return -errno;
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET))
		err = -errno;
	if (there >= 0)
		close(there);
	if (!err)
		return before;
	close(before);
	return err;
}

/* A thread that cannot come back would do everything after this in somebody else's network. */
void tw_leave(int before)
{
	if (before == TW_HERE)
		return;
	if (setns(before, CLONE_NEWNET))
		abort();
	close(before);
}

int tw_netlink(int protocol)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct timeval patience = { .tv_sec = 2 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), err;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
	    !connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* 1: more will come. 0: the end. */
static int tw_netlink_read(char *bytes, ssize_t left,
			   int (*each)(const struct nlmsghdr *, void *), void *context)
{
	const struct nlmsghdr *message = (const void *)bytes;
	int err;

	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 0;
		if (message->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(message))->error;
		err = each(message, context);
		if (err < 0)
			return err;
	}
	return 1;
}

int tw_netlink_dump(int fd, struct nlmsghdr *request, int (*each)(const struct nlmsghdr *, void *),
		    void *context)
{
	char *bytes;
	ssize_t size;
	int more = 1;

	if (send(fd, request, request->nlmsg_len, 0) < 0)
		return -errno;
	bytes = malloc(TW_NETLINK_ROOM);
	if (!bytes)
		return -ENOMEM;
	while (more > 0) {
		size = recv(fd, bytes, TW_NETLINK_ROOM, 0);
		more = size < 0 ? -errno : tw_netlink_read(bytes, size, each, context);
	}
	free(bytes);
	return more;
}

int tw_route_list(int type, int family, int index, int (*each)(const struct nlmsghdr *, void *),
		  void *context)
{
	/* A question for addresses begins like one for links, and the kernel reads no further. */
	struct {
		struct nlmsghdr head;
		struct ifinfomsg body;
	} request = {
		.head = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = (uint16_t)type,
			.nlmsg_flags = NLM_F_REQUEST | (index ? NLM_F_ACK : NLM_F_DUMP),
		},
		.body = { .ifi_family = (unsigned char)family, .ifi_index = index },
	};
	int fd = tw_netlink(NETLINK_ROUTE), err;

	if (fd < 0)
		return fd;
	err = tw_netlink_dump(fd, &request.head, each, context);
	close(fd);
	return err;
}
