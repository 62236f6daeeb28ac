/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A program as it must not be: a packet hook with a helper of Linux 5.17 and nothing that probes for it.
 * The check of the floor must name it, and a kernel below 5.17 must refuse it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long tw_step(__u32 index, void *data)
{
	(void)index;
	(void)data;
	return 1;
}

SEC("cgroup_skb/egress")
int tw_newer(struct __sk_buff *skb)
{
	(void)skb;
	return bpf_loop(4, tw_step, 0, 0) == 1;
}

char _license[] SEC("license") = "Dual MPL/GPL";
