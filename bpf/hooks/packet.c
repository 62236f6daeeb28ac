/* SPDX-License-Identifier: MPL-2.0 */
/*
 * cgroup_skb/egress: the authority. Every IP packet that a socket of a target sends passes here, after
 * the namespace's NAT and before fragmentation, whatever system call or protocol made it.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "../evidence.h"
#include "../socket.h"
#include "../packet.h"

#define TW_SKB_ANCESTOR(level) bpf_skb_ancestor_cgroup_id(skb, level)

TW_GLOBAL int tw_slot_of_packet(struct __sk_buff *skb)
{
	return TW_FIND_SLOT(TW_SKB_ANCESTOR);
}

/* Whose is the socket at the other end of loopback? Nobody's counts as the target's own. */
static __always_inline __u8 tw_local_peer(struct __sk_buff *skb, const struct tw_held *h,
					  const struct tw_packet *p)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv4);
	struct bpf_sock *peer;
	__u8 local;

	if (h->target->flags & TW_OWN_NETNS)
		return TW_LOCAL_OWN;
	if (p->q.flags & (TW_Q_MALFORMED | TW_Q_FRAGMENT))
		return TW_LOCAL_FOREIGN;
	if (p->q.flags & TW_Q_IPV6) {
		size = sizeof(tuple.ipv6);
		__builtin_memcpy(tuple.ipv6.saddr, p->saddr, 16);
		__builtin_memcpy(tuple.ipv6.daddr, p->daddr, 16);
		tuple.ipv6.sport = bpf_htons(p->sport);
		tuple.ipv6.dport = bpf_htons(p->q.dport);
	} else {
		tuple.ipv4.saddr = p->saddr[3];
		tuple.ipv4.daddr = p->daddr[3];
		tuple.ipv4.sport = bpf_htons(p->sport);
		tuple.ipv4.dport = bpf_htons(p->q.dport);
	}
	if (p->q.proto == IPPROTO_TCP)
		peer = bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else if (p->q.proto == IPPROTO_UDP)
		peer = bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		return TW_LOCAL_FOREIGN;
	if (!peer)
		return TW_LOCAL_OWN;
	local = bpf_sk_ancestor_cgroup_id(peer, h->target->level) == h->target->cgroup_id ?
			TW_LOCAL_OWN : TW_LOCAL_FOREIGN;
	bpf_sk_release(peer);
	return local;
}

/* Generic cell rate algorithm: one number per target holds all its credit. */
static __always_inline int tw_query_allowed(const struct tw_held *h)
{
	__u64 now = bpf_ktime_get_boot_ns(), time;
	__u32 slot = h->slot;
	struct tw_account *a = bpf_map_lookup_elem(&accounts, &slot);

	if (!a)
		return 0;
	time = a->query_time > now ? a->query_time : now;
	if (time - now > h->target->query_burst)
		return 0;
	a->query_time = time + h->target->query_interval;
	return 1;
}

/* A packet to the target's resolver: within its budget, marked so that the resolver takes it. */
static __always_inline int tw_to_resolver(struct __sk_buff *skb, const struct tw_held *h,
					  const struct tw_packet *p, const struct tw_sock *s)
{
	struct tw_asker_key key = {
		.target = h->target->id,
		.addr = bpf_ntohl(p->saddr[3]),
		.port = p->sport,
		.proto = p->q.proto,
	};
	struct tw_asker asker = {};

	if (!tw_query_allowed(h)) {
		tw_count(TW_QUERIES_DROPPED);
		return 0;
	}
	skb->mark = h->target->mark;
	if (s) {
		asker.pid = s->pid;
		asker.start = s->start;
		if (asker.pid)
			bpf_map_update_elem(&askers, &key, &asker, BPF_ANY);
	}
	return 1;
}

static __always_inline int tw_decide(struct __sk_buff *skb, struct tw_packet *p, struct bpf_sock *sk,
				     struct tw_sock *s)
{
	struct tw_held held;
	struct tw_row_key key;
	__u32 now = tw_now();
	__u64 verdict;

	if (!(s && tw_hold_socket(&held, s)) && !tw_hold_slot(&held, tw_slot_of_packet(skb))) {
		tw_count(TW_UNKNOWN_TARGET);
		return TW_REFUSE;
	}
	if (!s && sk) {
		s = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!s)
			tw_count(TW_STORAGE_FAILED);
	}
	if (s)
		p->q.name = s->name;
	if (skb->ifindex == 1)	/* every network namespace's loopback */
		p->q.local = tw_local_peer(skb, &held, p);

	verdict = tw_ask(held.target, held.word, &p->q, now);
	if (TW_V_REASON(verdict) == TW_LOCAL)
		return TW_PASS;
	if (TW_V_REASON(verdict) == TW_RESOLVER) {
		if (tw_to_resolver(skb, &held, p, s))
			return TW_PASS;
		verdict = TW_VERDICT(TW_DNS_BUDGET, 0, 0, 0);
	}
	if (!tw_allows(verdict)) {
		tw_row_key(&key, &held, &p->q, verdict, p->q.flags & TW_Q_IPV6 ? p->daddr : 0);
		if (s) {
			key.pid = s->pid;
			key.start = s->start;
		}
		tw_record(&held, &key);
		if (!key.passed)
			return TW_REFUSE;
	}
	if (s)
		tw_remember(s, &held, &p->q, verdict, now);
	return TW_PASS;
}

SEC("cgroup_skb/egress")
int tw_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct tw_packet p;
	struct tw_sock *s = 0;

	sk = sk ? bpf_sk_fullsock(sk) : 0;
	tw_parse(skb, sk, &p);
	if (sk)
		s = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (s && tw_remembered(s, &p.q))
		return TW_PASS;
	return tw_decide(skb, &p, sk, s);
}
