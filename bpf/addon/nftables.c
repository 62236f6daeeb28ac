/* SPDX-License-Identifier: MPL-2.0 */
/* Gives netfilter a batch of changes in another network namespace: all of them, or none. */
#define _GNU_SOURCE
#include "addon.h"
#include "netns.h"
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Messages that are looked at for the verdict; a batch that fails has one for each failure at most. */
#define TW_MAX_REPLIES 64

/* 1: no verdict in this datagram. 0: acknowledged. Negative: what the kernel has against it. */
static int tw_verdict_in(const char *bytes, ssize_t left)
{
	const struct nlmsghdr *message = (const void *)bytes;

	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
		if (message->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(message))->error;
	return 1;
}

/* The kernel has done its work when send returns, so its answer is there or there is none. */
static int tw_send_batch(const void *batch, size_t size)
{
	char reply[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	int fd = tw_netlink(NETLINK_NETFILTER), err = 1, i;
	ssize_t got;

	if (fd < 0)
		return fd;
	if (send(fd, batch, size, 0) < 0)
		err = -errno;
	for (i = 0; err > 0 && i < TW_MAX_REPLIES; i++) {
		got = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
		err = got < 0 ? -errno : tw_verdict_in(reply, got);
	}
	close(fd);
	return err > 0 ? -EPROTO : err;
}

struct tw_batch {
	struct tw_job job;
	char netns[4096];
	size_t size;
	char bytes[];
};

static void tw_run_batch(struct tw_job *job)
{
	struct tw_batch *batch = (void *)job;
	int before = tw_enter(batch->netns);

	job->err = before;
	if (before < 0 && batch->netns[0])
		return;
	job->err = tw_send_batch(batch->bytes, batch->size);
	tw_leave(before);
}

static napi_value tw_settle_batch(napi_env env, struct tw_job *job)
{
	struct tw_batch *batch = (void *)job;

	return job->err < 0 ? tw_throw(env, -job->err, batch->netns) : tw_undefined(env);
}

/* netfilterBatch(netns, messages) -> promise; the last one asks for an acknowledgement */
napi_value tw_netfilter_batch(napi_env env, napi_callback_info info)
{
	struct tw_batch *batch;
	napi_value argv[2];
	char path[4096];
	void *bytes;
	size_t size;

	if (tw_args(env, info, 2, argv) || tw_string(env, argv[0], path, sizeof(path)) ||
	    tw_bytes(env, argv[1], &bytes, &size))
		return NULL;
	batch = calloc(1, sizeof(*batch) + size);
	if (!batch)
		return tw_throw(env, ENOMEM, "netfilterBatch");
	batch->job.run = tw_run_batch;
	batch->job.settle = tw_settle_batch;
	strcpy(batch->netns, path);
	batch->size = size;
	if (size)	/* nothing has no address */
		memcpy(batch->bytes, bytes, size);
	return tw_later(env, &batch->job, "torwacht.netfilter");
}
