/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The veths of our own network namespace, kept in mind by what the kernel tells of them: to ask it about a link takes
 * the one lock that all links of the machine are under, for which a node that starts and ends pods waits long. What
 * was told is read when somebody looks; where too much came in between, all are listed once more.
 */
#define _GNU_SOURCE
#include "addon.h"
#include "interfaces.h"
#include "netns.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes of messages that may wait; one of a link is about 2 KiB with what the kernel adds. */
#define TW_LINKS_WAITING (2 << 20)

struct tw_host_link {
	int index;
	int peer;
	int nsid;
};

struct tw_host_links {
	pthread_mutex_t lock;
	int owners;
	int fd;
	int stale;		/* something was missed: list them all */
	struct tw_host_link *link;
	uint32_t count, room;
};

/* The list is walked through: a node has some hundreds, and a walk costs less than the system call before it. */
static void tw_drop_link(struct tw_host_links *links, int index)
{
	uint32_t i;

	for (i = 0; i < links->count; i++)
		if (links->link[i].index == index)
			links->link[i--] = links->link[--links->count];
}

/* A number that was given back may be another namespace's next. */
static void tw_drop_nsid(struct tw_host_links *links, int nsid)
{
	uint32_t i;

	for (i = 0; i < links->count; i++)
		if (links->link[i].nsid == nsid)
			links->link[i--] = links->link[--links->count];
}

static int tw_keep_link(struct tw_host_links *links, const struct tw_interface *link)
{
	struct tw_host_link *more;

	tw_drop_link(links, link->index);
	if (strcmp(link->kind, "veth") || link->nsid == TW_NO_NSID)
		return 0;
	if (links->count == links->room) {
		more = realloc(links->link, (links->room * 2 + 64) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		links->link = more;
		links->room = links->room * 2 + 64;
	}
	links->link[links->count++] =
		(struct tw_host_link){ .index = link->index, .peer = link->peer, .nsid = link->nsid };
	return 0;
}

/* Of a message about the number of a namespace: that number, or TW_NO_NSID. */
static int tw_nsid_in(const struct nlmsghdr *message)
{
	const struct rtgenmsg *head = NLMSG_DATA(message);
	const struct rtattr *at = (const void *)((const char *)head + NLMSG_ALIGN(sizeof(*head)));
	int left = (int)NLMSG_PAYLOAD(message, sizeof(*head)), nsid = TW_NO_NSID;

	for (; RTA_OK(at, left); at = RTA_NEXT(at, left))
		if (at->rta_type == NETNSA_NSID)
			memcpy(&nsid, RTA_DATA(at), sizeof(nsid));
	return nsid;
}

static int tw_take_told(const struct nlmsghdr *message, void *context)
{
	struct tw_host_links *links = context;
	struct tw_interface link;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		tw_read_link(message, &link);
		return tw_keep_link(links, &link);
	case RTM_DELLINK:
		tw_read_link(message, &link);
		tw_drop_link(links, link.index);
		return 0;
	case RTM_DELNSID:
		tw_drop_nsid(links, tw_nsid_in(message));
		return 0;
	default:
		return 0;
	}
}

/* Reads what was told to its end, into `to` unless that is NULL. -ENOBUFS: there was more than could wait. */
static int tw_read_told(int fd, struct tw_host_links *to)
{
	char bytes[TW_NETLINK_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *message;
	ssize_t left;
	int err = 0;

	while (!err) {
		left = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (left < 0 && errno != EINTR)
			return errno == EAGAIN ? 0 : -errno;
		message = (const void *)bytes;
		for (; to && !err && NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
			err = tw_take_told(message, to);
	}
	return err;
}

/* What is told before a list is in it; what follows goes on from there. */
static int tw_start_anew(struct tw_host_links *links)
{
	int err;

	do
		err = tw_read_told(links->fd, NULL);
	while (err == -ENOBUFS);
	if (err)
		return err;
	links->count = 0;
	return tw_route_list(RTM_GETLINK, AF_UNSPEC, 0, tw_take_told, links);
}

static int tw_catch_up(struct tw_host_links *links)
{
	int err = links->stale ? tw_start_anew(links) : 0;

	if (!err)
		err = tw_read_told(links->fd, links);
	links->stale = err != 0;
	return err;
}

static int tw_take_nsid(const struct nlmsghdr *message, void *context)
{
	if (message->nlmsg_type == RTM_NEWNSID)
		*(int *)context = tw_nsid_in(message);
	return 0;
}

/* How our namespace calls another; TW_NO_NSID where none of its links leads there. */
static int tw_ask_nsid(const char *netns, int *nsid)
{
	struct {
		struct nlmsghdr head;
		struct rtgenmsg body;
		struct rtattr attribute __attribute__((aligned(NLMSG_ALIGNTO)));
		int there;
	} request = {
		.head = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETNSID,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.attribute = { .rta_len = RTA_LENGTH(sizeof(int)), .rta_type = NETNSA_FD },
	};
	int fd, err;

	*nsid = TW_NO_NSID;
	request.there = open(netns, O_RDONLY | O_CLOEXEC);
	if (request.there < 0)
		return -errno;
	fd = tw_netlink(NETLINK_ROUTE);
	err = fd < 0 ? fd : tw_netlink_dump(fd, &request.head, tw_take_nsid, nsid);
	if (fd >= 0)
		close(fd);
	close(request.there);
	return err;
}

/* 1: it has one end here and no more. */
static int tw_find_end(const struct tw_host_links *links, int nsid, struct tw_interface *theirs)
{
	const struct tw_host_link *one;
	int found = 0;
	uint32_t i;

	for (i = 0; i < links->count; i++) {
		one = &links->link[i];
		if (one->nsid != nsid || one->peer != theirs->index)
			continue;
		theirs->end = one->index;
		found++;
	}
	if (found != 1)
		return 0;
	strcpy(theirs->kind, "veth");
	theirs->peer = theirs->end;
	return 1;
}

int tw_host_links_find(struct tw_host_links *links, const char *netns, struct tw_interface *theirs,
		       uint32_t count)
{
	int nsid, err = tw_ask_nsid(netns, &nsid), missing = 0;
	uint32_t i;

	if (err)
		return err;
	pthread_mutex_lock(&links->lock);
	err = tw_catch_up(links);
	for (i = 0; !err && i < count; i++)
		if (strcmp(theirs[i].name, "lo"))
			missing += nsid == TW_NO_NSID || !tw_find_end(links, nsid, &theirs[i]);
	pthread_mutex_unlock(&links->lock);
	return err ? err : missing;
}

struct tw_host_links *tw_host_links_hold(struct tw_host_links *links)
{
	links->owners++;
	return links;
}

void tw_host_links_release(struct tw_host_links *links)
{
	if (--links->owners)
		return;
	close(links->fd);
	pthread_mutex_destroy(&links->lock);
	free(links->link);
	free(links);
}

static void tw_host_links_forgotten(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	tw_host_links_release(data);
}

static int tw_listen_to_links(void)
{
	int groups[] = { RTNLGRP_LINK, RTNLGRP_NSID }, room = TW_LINKS_WAITING, err, i;
	int fd = tw_netlink(NETLINK_ROUTE);

	if (fd < 0)
		return fd;
	/* Beyond what the machine gives to anybody, where we may; with less there are more lists. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (i = 0; i < 2; i++) {
		if (!setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(int)))
			continue;
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* hostLinks() -> handle of the veths of our network namespace, for `interfaces`; let go of with the handle */
napi_value tw_host_links(napi_env env, napi_callback_info info)
{
	struct tw_host_links *links = calloc(1, sizeof(*links));
	int err;

	(void)info;
	if (!links)
		return tw_throw(env, ENOMEM, "hostLinks");
	links->fd = tw_listen_to_links();
	if (links->fd < 0) {
		err = -links->fd;
		free(links);
		return tw_throw(env, err, "hostLinks");
	}
	pthread_mutex_init(&links->lock, NULL);
	links->owners = 1;
	links->stale = 1;
	return tw_handle(env, links, &tw_host_links_tag, tw_host_links_forgotten);
}
