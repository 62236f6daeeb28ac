/* SPDX-License-Identifier: MPL-2.0 */
/* The program that ours are compared with: it passes every packet and looks at nothing. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int tw_empty(struct __sk_buff *skb)
{
	(void)skb;
	return 1;
}

char _license[] SEC("license") = "Dual MPL/GPL";
