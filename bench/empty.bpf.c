/* SPDX-License-Identifier: MPL-2.0 */
/* Programs that ours are compared with. The first passes every packet and looks at nothing. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int tw_empty(struct __sk_buff *skb)
{
	(void)skb;
	return 1;
}

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} storage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u64);
} hash SEC(".maps");

/* What remembering a verdict per socket costs at least: the one call that finds the socket's storage. */
SEC("cgroup_skb/egress")
int tw_one_call(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (sk)
		bpf_sk_storage_get(&storage, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	return 1;
}

/* And a look-up in a hash of the kernel's behind it, as for an address that DNS gave. */
SEC("cgroup_skb/egress")
int tw_two_calls(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	__u64 key = skb->len;

	if (sk)
		bpf_sk_storage_get(&storage, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	bpf_map_lookup_elem(&hash, &key);
	return 1;
}

char _license[] SEC("license") = "Dual MPL/GPL";
