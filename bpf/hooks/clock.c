/* SPDX-License-Identifier: MPL-2.0 */
/* What user space asks the kernel by a test run: the clock of expiries, and what the kernel is like. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "../kernel.h"
#include "../verdict.h"

SEC("socket")
int tw_clock(struct __sk_buff *skb)
{
	(void)skb;
	return tw_now();
}

/*
 * Does a socket keep its cgroup beside the tags of net_cls and net_prio? Before 5.15 they share one word, and
 * the first tag that anybody sets makes new sockets belong to the root cgroup (8520e224f547, which stable
 * kernels may have taken over): no program of a target's cgroup sees them.
 */
SEC("socket")
int tw_keeps_cgroup(struct __sk_buff *skb)
{
	(void)skb;
	return bpf_core_field_exists(struct sock, sk_cgrp_data.cgroup);
}
