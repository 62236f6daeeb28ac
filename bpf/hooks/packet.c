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
#include "../direct.h"
#include "../socket.h"
#include "../packet.h"
#include "../short.h"

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
	if (time - now > h->target->query_burst) {
		tw_count(TW_QUERIES_DROPPED);
		return 0;
	}
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

	if (!tw_query_allowed(h))
		return 0;
	skb->mark = h->target->mark;
	if (s) {
		asker.pid = s->pid;
		asker.start = s->start;
		if (asker.pid)
			bpf_map_update_elem(&askers, &key, &asker, BPF_ANY);
	}
	return 1;
}

/*
 * In a namespace of the target's own, port 53 has become the resolver's on loopback when a packet is
 * seen here, over IPv6 too.
 */
static __always_inline int tw_is_own_resolver(struct __sk_buff *skb, const struct tw_held *h,
					      const struct tw_packet *p)
{
	return (h->target->flags & TW_OWN_NETNS) && skb->ifindex == 1 && h->target->resolver_port &&
	       p->q.dport == h->target->resolver_port &&
	       (p->q.proto == IPPROTO_TCP || p->q.proto == IPPROTO_UDP) &&
	       !(p->q.flags & (TW_Q_MALFORMED | TW_Q_FRAGMENT));
}

/*
 * Does it stay inside, as far as can be seen here? Bridges of nested containers do not lead out of the
 * target, and a nested namespace's own links end at one. What leaves after all does so by an uplink,
 * and there the backstop has the last word.
 */
static __always_inline int tw_is_inner(struct __sk_buff *skb, const struct tw_held *h)
{
	__u32 i;

	if (!(h->target->flags & TW_BACKSTOP))
		return 0;
	for (i = 0; i < TW_MAX_UPLINKS; i++)
		if (h->target->uplink[i] == skb->ifindex)
			return 0;
	return 1;
}

/* A nested container asks some server: the redirect stands on the packet's way, behind it the backstop. */
static __always_inline int tw_is_nested_query(const struct tw_held *h, __u64 verdict)
{
	return (h->target->flags & TW_BACKSTOP) && TW_V_REASON(verdict) == TW_DNS_SERVER;
}

static __always_inline struct tw_sock *tw_new_socket(struct bpf_sock *sk)
{
	struct bpf_sock *full = sk ? bpf_sk_fullsock(sk) : 0;
	struct tw_sock *s;

	if (!full)
		return 0;
	s = bpf_sk_storage_get(&sockets, full, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (s)
		s->stream = tw_is_stream(full->type, full->protocol);
	else
		tw_count(TW_STORAGE_FAILED);
	return s;
}

/* Not inlined: what the short way needs of registers and cache would grow with it. */
static __attribute__((noinline)) int tw_decide(struct __sk_buff *skb, struct bpf_sock *sk, struct tw_sock *s)
{
	struct tw_held held;
	struct tw_packet p;
	struct tw_row_key key;
	__u32 now = tw_now();
	__u64 verdict;

	if (!s)
		s = tw_new_socket(sk);
	if (!(s && tw_hold_socket(&held, s)) && !tw_hold_slot(&held, tw_slot_of_packet(skb))) {
		tw_count(TW_UNKNOWN_TARGET);
		return TW_REFUSE;
	}
	tw_parse(skb, s && s->stream, &p);
	if (s && tw_is_same_place(s, &held, &p.q))
		p.q.name = s->name;
	if (skb->ifindex == 1)	/* every network namespace's loopback */
		p.q.local = tw_local_peer(skb, &held, &p);

	verdict = tw_is_own_resolver(skb, &held, &p) ? TW_VERDICT(TW_RESOLVER, 0, 0, 0) :
						       tw_ask(held.target, held.word, &p.q, now);
	if (TW_V_REASON(verdict) == TW_LOCAL)
		return TW_PASS;
	if (tw_is_nested_query(&held, verdict)) {
		if (tw_query_allowed(&held))
			return TW_PASS;
		verdict = TW_VERDICT(TW_DNS_BUDGET, 0, 0, 0);
	} else if (!tw_allows(verdict) && tw_is_inner(skb, &held)) {
		return TW_PASS;
	}
	if (TW_V_REASON(verdict) == TW_RESOLVER) {
		if (tw_to_resolver(skb, &held, &p, s))
			return TW_PASS;
		verdict = TW_VERDICT(TW_DNS_BUDGET, 0, 0, 0);
	}
	/* A connection that goes on was recorded when it was opened. */
	if (!tw_allows(verdict) || p.q.flags & TW_Q_FRESH) {
		tw_row_key(&key, &held, &p.q, verdict, p.q.flags & TW_Q_IPV6 ? p.daddr : 0);
		if (s) {
			key.pid = s->pid;
			key.start = s->start;
		}
		tw_record(&held, &key);
		if (!key.passed)
			return TW_REFUSE;
	}
	if (s)
		tw_remember(s, &held, &p.q, verdict, now);
	return TW_PASS;
}

static __always_inline int tw_packet(struct __sk_buff *skb, struct bpf_sock *sk, struct tw_sock *s)
{
	struct tw_plain p;
	__u64 opened;

	switch (s ? tw_short_way(skb, s, &p, &opened) : TW_SHORT_NO) {
	case TW_SHORT_LEARNED:
		tw_keep(s, p.place, TW_SOCK_ALLOWED, opened);
		return TW_PASS;
	case TW_SHORT_CACHED:
		return TW_PASS;
	default:
		return tw_decide(skb, sk, s);
	}
}

/*
 * Most packets pass without a single call into the kernel. A connection to an address that was learned must
 * be remembered, for it outlives the name's time; a datagram is asked anew each time.
 */
static __always_inline int tw_packet_direct(struct __sk_buff *skb, struct bpf_sock *sk)
{
	const struct tw_sock *s = sk ? tw_direct_storage(sk) : 0;
	struct tw_plain p;
	__u64 opened;
	int way = s ? tw_short_way(skb, s, &p, &opened) : TW_SHORT_NO;

	if (way == TW_SHORT_CACHED || (way == TW_SHORT_LEARNED && !s->stream))
		return TW_PASS;
	return tw_decide(skb, sk, sk ? bpf_sk_storage_get(&sockets, sk, 0, 0) : 0);
}

SEC("cgroup_skb/egress")
int tw_egress_direct(struct __sk_buff *skb)
{
	return tw_packet_direct(skb, skb->sk);
}

SEC("cgroup_skb/egress")
int tw_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	return tw_packet(skb, sk, sk ? bpf_sk_storage_get(&sockets, sk, 0, 0) : 0);
}

/* Before 5.10 a socket's storage is given only for a full socket, which is another call. */
SEC("cgroup_skb/egress")
int tw_egress_full(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk, *full = sk ? bpf_sk_fullsock(sk) : 0;

	return tw_packet(skb, sk, full ? bpf_sk_storage_get(&sockets, full, 0, 0) : 0);
}
