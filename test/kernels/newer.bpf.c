/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A program as it must not be: a packet hook with a helper of Linux 5.11 and nothing that probes for it.
 * The check of the floor must name it, and a kernel below 5.11 must refuse it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int tw_newer(struct __sk_buff *skb)
{
	(void)skb;
	return bpf_ktime_get_coarse_ns() != 0;
}

char _license[] SEC("license") = "Dual MPL/GPL";
