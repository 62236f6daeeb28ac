/* SPDX-License-Identifier: MPL-2.0 */
/*
 * cgroup connect and sendmsg hooks of Unix sockets (Linux 6.7). An abstract name has no path that a
 * sandbox could cover, and everyone in the network namespace can connect to it: here it leads only to
 * sockets of the target's own. Whose the listener is, its socket's cgroup says.
 *
 * A name that nobody has is refused as the kernel would; so is one that cannot be found, so that a kernel
 * which keeps its sockets otherwise closes these names and opens none.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "../kernel.h"
#include "../target.h"

#define TW_UNIX_BUCKETS 512	/* UNIX_HASH_SIZE of include/net/af_unix.h */
#define TW_UNIX_CHAIN 1024	/* sockets of one bucket that are looked at */
#define TW_UNIX_NAME 128	/* struct sockaddr_un is 110 bytes; a power of two bounds a length by its mask */

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;

/* A name, and zeroes behind it. */
union tw_unix_name {
	__u64 word[TW_UNIX_NAME / 8];
	struct sockaddr_un address;
};

/* What is looked for, and where we are. */
struct tw_unix_search {
	struct hlist_head *buckets;
	struct hlist_node *at;
	struct sock *found;
	__u32 length;
	__u32 type;
	union tw_unix_name name;
};

static long tw_next_socket(__u32 index, void *data)
{
	struct tw_unix_search *s = data;
	struct hlist_node *at = s->at;
	struct unix_address *address;
	union tw_unix_name name = {};
	__u64 difference = 0;
	struct sock *sk;
	__u32 i;

	(void)index;
	if (!at)
		return 1;
	sk = (void *)at - bpf_core_field_offset(struct sock, __sk_common.skc_node);
	s->at = BPF_CORE_READ(at, next);
	if (BPF_CORE_READ(sk, sk_type) != s->type)
		return 0;
	address = BPF_CORE_READ((struct unix_sock *)sk, addr);
	if (!address || (__u32)BPF_CORE_READ(address, len) != s->length)
		return 0;
	if (bpf_core_read(&name, s->length & (TW_UNIX_NAME - 1), &address->name))
		return 0;
	for (i = 0; i < TW_UNIX_NAME / 8; i++)
		difference |= name.word[i] ^ s->name.word[i];
	if (difference)
		return 0;
	s->found = sk;
	return 1;
}

static long tw_next_bucket(__u32 index, void *data)
{
	struct tw_unix_search *s = data;

	if (bpf_probe_read_kernel(&s->at, sizeof(s->at), s->buckets + index))
		return 1;
	bpf_loop(TW_UNIX_CHAIN, tw_next_socket, s, 0);
	return s->found ? 1 : 0;
}

/* Was the socket made in the target's cgroup, or below it? */
static __always_inline int tw_is_own(struct sock *sk, const struct tw_target *target)
{
	struct cgroup *c = BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	int i;

	for (i = 0; c && i < 2 * TW_MAX_LEVELS; i++) {
		if (BPF_CORE_READ(c, kn, id) == target->cgroup_id)
			return 1;
		c = (void *)BPF_CORE_READ(c, self.parent);
	}
	return 0;
}

static __always_inline int tw_unix(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *k = bpf_cast_to_kern_ctx(ctx);
	struct tw_unix_search s = {};
	struct tw_held h;
	struct sock *sk = k->sk;

	/* Its family, and at least the zero with which an abstract name begins: the kernel has checked. */
	s.length = k->uaddrlen & (TW_UNIX_NAME - 1);
	if (bpf_probe_read_kernel(&s.name, s.length, k->uaddr))
		return TW_REFUSE;
	if (s.name.address.sun_path[0])
		return TW_PASS;
	if (!tw_hold_slot(&h, tw_slot_of_current()))
		return TW_REFUSE;
	if (h.target->flags & TW_OWN_NETNS)
		return TW_PASS;
	s.type = BPF_CORE_READ(sk, sk_type);
	s.buckets = BPF_CORE_READ(sk, __sk_common.skc_net.net, unx.table.buckets);
	bpf_loop(TW_UNIX_BUCKETS, tw_next_bucket, &s, 0);
	if (!s.found) {
		bpf_set_retval(-ECONNREFUSED);
		return TW_REFUSE;
	}
	return tw_is_own(s.found, h.target) ? TW_PASS : TW_REFUSE;
}

SEC("cgroup/connect_unix")
int tw_connect_unix(struct bpf_sock_addr *ctx)
{
	return tw_unix(ctx);
}

SEC("cgroup/sendmsg_unix")
int tw_sendmsg_unix(struct bpf_sock_addr *ctx)
{
	return tw_unix(ctx);
}
