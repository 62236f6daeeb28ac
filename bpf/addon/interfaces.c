/* SPDX-License-Identifier: MPL-2.0 */
/* The interfaces of a network namespace: which of them lead out of it, and its own addresses. */
#define _GNU_SOURCE
#include "addon.h"
#include "interfaces.h"
#include "netns.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TW_MAX_INTERFACES 64

struct tw_interfaces {
	struct tw_interface link[TW_MAX_INTERFACES];
	uint32_t address[TW_MAX_INTERFACES];	/* IPv4, host order */
	uint32_t links, addresses;
};

static void tw_copy_text(char *to, size_t size, const struct rtattr *from)
{
	size_t length = RTA_PAYLOAD(from);

	if (length >= size)
		length = size - 1;
	memcpy(to, RTA_DATA(from), length);
	to[length] = 0;
}

static void tw_read_info(struct tw_interface *link, const struct rtattr *info)
{
	const struct rtattr *at = RTA_DATA(info);
	int left = (int)RTA_PAYLOAD(info);

	for (; RTA_OK(at, left); at = RTA_NEXT(at, left))
		if (at->rta_type == IFLA_INFO_KIND)
			tw_copy_text(link->kind, sizeof(link->kind), at);
}

void tw_read_link(const struct nlmsghdr *message, struct tw_interface *link)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	const struct rtattr *at = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(message);

	memset(link, 0, sizeof(*link));
	link->index = info->ifi_index;
	link->nsid = TW_NO_NSID;
	for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == IFLA_IFNAME)
			tw_copy_text(link->name, sizeof(link->name), at);
		else if (at->rta_type == IFLA_LINK)
			memcpy(&link->peer, RTA_DATA(at), sizeof(link->peer));
		else if (at->rta_type == IFLA_LINK_NETNSID)
			memcpy(&link->nsid, RTA_DATA(at), sizeof(link->nsid));
		else if ((at->rta_type & NLA_TYPE_MASK) == IFLA_LINKINFO)
			tw_read_info(link, at);
	}
}

static int tw_take_link(const struct nlmsghdr *message, void *context)
{
	struct tw_interfaces *all = context;

	if (message->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (all->links == TW_MAX_INTERFACES)
		return -E2BIG;
	tw_read_link(message, &all->link[all->links++]);
	return 0;
}

static int tw_take_address(const struct nlmsghdr *message, void *context)
{
	const struct ifaddrmsg *info = NLMSG_DATA(message);
	const struct rtattr *at = IFA_RTA(info);
	struct tw_interfaces *all = context;
	int left = (int)IFA_PAYLOAD(message);
	uint32_t address;

	if (message->nlmsg_type != RTM_NEWADDR || info->ifa_family != AF_INET)
		return 0;
	for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type != IFA_LOCAL)
			continue;
		if (all->addresses == TW_MAX_INTERFACES)
			return -E2BIG;
		memcpy(&address, RTA_DATA(at), sizeof(address));
		all->address[all->addresses++] = ntohl(address);
	}
	return 0;
}

static int tw_ask_links(struct tw_interfaces *all)
{
	all->links = 0;
	return tw_route_list(RTM_GETLINK, AF_UNSPEC, 0, tw_take_link, all);
}

static int tw_ask_addresses(struct tw_interfaces *all)
{
	return tw_route_list(RTM_GETADDR, AF_INET, 0, tw_take_address, all);
}

static int tw_take_name(struct tw_interfaces *all, const char *name, int fd)
{
	struct tw_interface *link;
	struct ifreq request;

	if (all->links == TW_MAX_INTERFACES)
		return -E2BIG;
	memset(&request, 0, sizeof(request));
	memcpy(request.ifr_name, name, IF_NAMESIZE);
	if (ioctl(fd, SIOCGIFINDEX, &request))
		return -errno;
	link = &all->link[all->links++];
	memset(link, 0, sizeof(*link));
	memcpy(link->name, name, IF_NAMESIZE);
	link->index = request.ifr_ifindex;
	link->nsid = TW_NO_NSID;
	return 0;
}

/* Names and numbers alone, which the kernel tells without its lock on links. */
static int tw_ask_names(struct tw_interfaces *all)
{
	char line[512], name[IF_NAMESIZE];
	FILE *file = fopen("/proc/thread-self/net/dev", "re");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0, at = 0;

	if (!file || fd < 0)
		err = -errno;
	while (!err && fgets(line, sizeof(line), file)) {
		/* Two lines of headings. A name has neither a colon nor white space. */
		if (at++ < 2)
			continue;
		memset(name, 0, sizeof(name));
		if (sscanf(line, " %15[^: ]:", name) == 1)
			err = tw_take_name(all, name, fd);
	}
	if (file)
		fclose(file);
	if (fd >= 0)
		close(fd);
	return err;
}

static napi_value tw_show_link(napi_env env, const struct tw_interface *link)
{
	napi_value result, text;

	napi_create_object(env, &result);
	tw_set(env, result, "index", tw_number(env, link->index));
	tw_set(env, result, "peer", tw_number(env, link->peer));
	napi_create_string_utf8(env, link->name, NAPI_AUTO_LENGTH, &text);
	tw_set(env, result, "name", text);
	napi_create_string_utf8(env, link->kind, NAPI_AUTO_LENGTH, &text);
	tw_set(env, result, "kind", text);
	if (link->end)
		tw_set(env, result, "end", tw_number(env, link->end));
	return result;
}

struct tw_asking {
	struct tw_job job;
	char netns[4096];
	uint32_t index;
	struct tw_host_links *ours;	/* held; NULL: each link is asked for */
	struct tw_interfaces all;
};

static void tw_run_own(struct tw_job *job)
{
	struct tw_asking *asking = (void *)job;

	/* One link by its number: a node has a link for each of its pods, which nobody needs to list. */
	job->err = tw_route_list(RTM_GETLINK, AF_UNSPEC, (int)asking->index, tw_take_link, &asking->all);
}

static napi_value tw_settle_own(napi_env env, struct tw_job *job)
{
	struct tw_asking *asking = (void *)job;

	if (job->err == -ENODEV || (!job->err && !asking->all.links))
		return tw_undefined(env);
	return job->err ? tw_throw(env, -job->err, "link") : tw_show_link(env, &asking->all.link[0]);
}

/* ownInterface(index) -> promise of { index, peer, name, kind } of our own namespace, or undefined */
napi_value tw_own_interface(napi_env env, napi_callback_info info)
{
	struct tw_asking *asking;
	napi_value argv[1];
	uint32_t index;

	if (tw_args(env, info, 1, argv) || tw_uint32(env, argv[0], &index))
		return NULL;
	asking = calloc(1, sizeof(*asking));
	if (!asking)
		return tw_throw(env, ENOMEM, "ownInterface");
	/* 0 would be any. */
	asking->index = index && index <= INT32_MAX ? index : INT32_MAX;
	asking->job.run = tw_run_own;
	asking->job.settle = tw_settle_own;
	return tw_later(env, &asking->job, "torwacht.link");
}

/* Runs `ask` in the other namespace. */
static int tw_ask_there(struct tw_asking *asking, int (*ask)(struct tw_interfaces *))
{
	int before = tw_enter(asking->netns), err;

	if (before < 0 && asking->netns[0])
		return before;
	err = ask(&asking->all);
	tw_leave(before);
	return err;
}

/* 0: every link that leads out of the namespace is one whose end we know. */
static int tw_list_known(struct tw_asking *asking)
{
	struct tw_interfaces *all = &asking->all;
	int err;

	if (!asking->ours || !asking->netns[0])
		return -ENOENT;
	err = tw_ask_there(asking, tw_ask_names);
	return err ? err : tw_host_links_find(asking->ours, asking->netns, all->link, all->links);
}

static void tw_run_list(struct tw_job *job)
{
	struct tw_asking *asking = (void *)job;

	job->err = tw_list_known(asking) ? tw_ask_there(asking, tw_ask_links) : 0;
	if (!job->err)
		job->err = tw_ask_there(asking, tw_ask_addresses);
}

static napi_value tw_settle_list(napi_env env, struct tw_job *job)
{
	struct tw_asking *asking = (void *)job;
	struct tw_interfaces *all = &asking->all;
	napi_value result, list;
	uint32_t i;

	if (asking->ours)
		tw_host_links_release(asking->ours);
	if (job->err < 0)
		return tw_throw(env, -job->err, asking->netns);
	napi_create_object(env, &result);
	napi_create_array(env, &list);
	for (i = 0; i < all->links; i++)
		napi_set_element(env, list, i, tw_show_link(env, &all->link[i]));
	tw_set(env, result, "links", list);
	napi_create_array(env, &list);
	for (i = 0; i < all->addresses; i++)
		napi_set_element(env, list, i, tw_number(env, all->address[i]));
	tw_set(env, result, "addresses", list);
	return result;
}

static int tw_host_links_of(napi_env env, napi_value value, struct tw_host_links **out)
{
	napi_valuetype type;
	void *data = NULL;

	*out = NULL;
	if (napi_typeof(env, value, &type) == napi_ok && type == napi_null)
		return 0;
	if (tw_unhandle(env, value, &tw_host_links_tag, &data))
		return -1;
	*out = data;
	return 0;
}

/* interfaces(netns, hostLinks | null) -> promise of { links: { index, peer, name, kind, end? }[], addresses: number[] } */
napi_value tw_list_interfaces(napi_env env, napi_callback_info info)
{
	struct tw_host_links *ours;
	struct tw_asking *asking;
	napi_value argv[2];
	char path[4096];

	if (tw_args(env, info, 2, argv) || tw_string(env, argv[0], path, sizeof(path)) ||
	    tw_host_links_of(env, argv[1], &ours))
		return NULL;
	asking = calloc(1, sizeof(*asking));
	if (!asking)
		return tw_throw(env, ENOMEM, "interfaces");
	asking->job.run = tw_run_list;
	asking->job.settle = tw_settle_list;
	asking->ours = ours ? tw_host_links_hold(ours) : NULL;
	strcpy(asking->netns, path);
	return tw_later(env, &asking->job, "torwacht.interfaces");
}
