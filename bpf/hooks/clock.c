/* SPDX-License-Identifier: MPL-2.0 */
/* The clock of expiries for user space: a test run of this gives the current tick. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../verdict.h"

SEC("socket")
int tw_clock(struct __sk_buff *skb)
{
	(void)skb;
	return tw_now();
}
