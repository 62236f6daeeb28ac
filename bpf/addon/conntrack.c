/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Forgets what connection tracking knows of flows to one port. NAT rules are read when a flow is seen
 * first, so a client that asked before the redirect was there would go on past it with its old socket.
 */
#define _GNU_SOURCE
#include "addon.h"
#include "netns.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TW_MAX_FLOWS 1024
#define TW_FLOW_ROOM 256

/* A flow as the request that deletes it: its address family and the attributes that name it. */
struct tw_flow {
	uint8_t family;
	uint16_t size;
	uint8_t bytes[TW_FLOW_ROOM];
};

struct tw_flows {
	uint16_t port;
	uint32_t count;
	struct tw_flow flow[TW_MAX_FLOWS];
};

static const struct nlattr *tw_next(const struct nlattr *at)
{
	return (const void *)((const char *)at + NLA_ALIGN(at->nla_len));
}

static int tw_fits(const struct nlattr *at, const char *end)
{
	return (const char *)(at + 1) <= end && at->nla_len >= sizeof(*at) &&
	       (const char *)at + at->nla_len <= end;
}

static const struct nlattr *tw_attribute(const void *from, const char *end, int type)
{
	const struct nlattr *at = from;

	for (; tw_fits(at, end); at = tw_next(at))
		if ((at->nla_type & NLA_TYPE_MASK) == type)
			return at;
	return NULL;
}

static const char *tw_end(const struct nlattr *at)
{
	return (const char *)at + at->nla_len;
}

static int tw_goes_to(const struct nlattr *tuple, uint16_t port)
{
	const struct nlattr *proto = tw_attribute(tuple + 1, tw_end(tuple), CTA_TUPLE_PROTO);
	const struct nlattr *dest = proto ? tw_attribute(proto + 1, tw_end(proto), CTA_PROTO_DST_PORT)
					  : NULL;
	uint16_t value;

	if (!dest || dest->nla_len < sizeof(*dest) + sizeof(value))
		return 0;
	memcpy(&value, dest + 1, sizeof(value));
	return ntohs(value) == port;
}

static void tw_append(struct tw_flow *flow, const struct nlattr *at)
{
	if (!at || flow->size + NLA_ALIGN(at->nla_len) > TW_FLOW_ROOM)
		return;
	memcpy(flow->bytes + flow->size, at, at->nla_len);
	flow->size += NLA_ALIGN(at->nla_len);
}

static int tw_take_flow(const struct nlmsghdr *message, void *context)
{
	const struct nfgenmsg *head = NLMSG_DATA(message);
	const char *end = (const char *)message + message->nlmsg_len;
	const void *attributes = (const char *)head + NLMSG_ALIGN(sizeof(*head));
	const struct nlattr *tuple = tw_attribute(attributes, end, CTA_TUPLE_ORIG);
	struct tw_flows *flows = context;
	struct tw_flow *flow;

	if (!tuple || !tw_goes_to(tuple, flows->port) || flows->count == TW_MAX_FLOWS)
		return 0;
	flow = &flows->flow[flows->count++];
	memset(flow, 0, sizeof(*flow));
	flow->family = head->nfgen_family;
	tw_append(flow, tuple);
	tw_append(flow, tw_attribute(attributes, end, CTA_ZONE));
	tw_append(flow, tw_attribute(attributes, end, CTA_ID));
	return 0;
}

struct tw_request {
	struct nlmsghdr head;
	struct nfgenmsg body;
	uint8_t attributes[TW_FLOW_ROOM];
};

static void tw_request(struct tw_request *request, int type, int flags, uint8_t family)
{
	memset(request, 0, sizeof(*request));
	request->head.nlmsg_len = NLMSG_LENGTH(sizeof(request->body));
	request->head.nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | type;
	request->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->body.nfgen_family = family;
	request->body.version = NFNETLINK_V0;
}

static int tw_nothing(const struct nlmsghdr *message, void *context)
{
	(void)message;
	(void)context;
	return 0;
}

static int tw_delete_flow(int fd, const struct tw_flow *flow)
{
	struct tw_request request;
	int err;

	tw_request(&request, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, flow->family);
	memcpy(request.attributes, flow->bytes, flow->size);
	request.head.nlmsg_len += flow->size;
	err = tw_netlink_dump(fd, &request.head, tw_nothing, NULL);
	return err == -ENOENT ? 0 : err;	/* it ended by itself */
}

static int tw_take_count(const struct nlmsghdr *message, void *context)
{
	const char *end = (const char *)message + message->nlmsg_len;
	const struct nfgenmsg *head = NLMSG_DATA(message);
	const void *attributes = (const char *)head + NLMSG_ALIGN(sizeof(*head));
	const struct nlattr *entries = tw_attribute(attributes, end, CTA_STATS_GLOBAL_ENTRIES);
	uint32_t *count = context;

	if (entries && entries->nla_len >= sizeof(*entries) + sizeof(*count)) {
		memcpy(count, entries + 1, sizeof(*count));
		*count = ntohl(*count);
	}
	return 0;
}

/* Flows of this namespace alone; as good as many where the kernel does not say. */
static uint32_t tw_count_flows(int fd)
{
	struct tw_request request;
	uint32_t count = UINT32_MAX;

	tw_request(&request, IPCTNL_MSG_CT_GET_STATS, NLM_F_ACK, AF_UNSPEC);
	return tw_netlink_dump(fd, &request.head, tw_take_count, &count) ? UINT32_MAX : count;
}

static int tw_flush(struct tw_flows *flows)
{
	struct tw_request request;
	int fd = tw_netlink(NETLINK_NETFILTER), err = 0;
	uint32_t i;

	if (fd < 0)
		return fd;
	/* A list walks through the table of the whole machine, and a pod that starts has no flow yet. */
	if (tw_count_flows(fd)) {
		tw_request(&request, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
		err = tw_netlink_dump(fd, &request.head, tw_take_flow, flows);
	}
	for (i = 0; !err && i < flows->count; i++)
		err = tw_delete_flow(fd, &flows->flow[i]);
	close(fd);
	return err;
}

struct tw_forgetting {
	struct tw_job job;
	char netns[4096];
	struct tw_flows flows;
};

static void tw_run_forgetting(struct tw_job *job)
{
	struct tw_forgetting *forgetting = (void *)job;
	int before = tw_enter(forgetting->netns);

	job->err = before;
	if (before < 0 && forgetting->netns[0])
		return;
	job->err = tw_flush(&forgetting->flows);
	tw_leave(before);
}

static napi_value tw_settle_forgetting(napi_env env, struct tw_job *job)
{
	struct tw_forgetting *forgetting = (void *)job;

	if (job->err < 0)
		return tw_throw(env, -job->err, forgetting->netns);
	return tw_number(env, forgetting->flows.count);
}

/* forgetFlows(netns, port) -> promise of how many flows to that port were forgotten */
napi_value tw_forget_flows(napi_env env, napi_callback_info info)
{
	struct tw_forgetting *forgetting;
	napi_value argv[2];
	char path[4096];
	uint32_t port;

	if (tw_args(env, info, 2, argv) || tw_string(env, argv[0], path, sizeof(path)) ||
	    tw_uint32(env, argv[1], &port))
		return NULL;
	forgetting = calloc(1, sizeof(*forgetting));
	if (!forgetting)
		return tw_throw(env, ENOMEM, "forgetFlows");
	forgetting->job.run = tw_run_forgetting;
	forgetting->job.settle = tw_settle_forgetting;
	strcpy(forgetting->netns, path);
	forgetting->flows.port = (uint16_t)port;
	return tw_later(env, &forgetting->job, "torwacht.flows");
}
