/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The short way of most packets: the socket's cached verdict, or else an address that its target learned.
 * It says yes only where tw_judge would, and decides nothing else. Where the kernel's pointers can be followed
 * (direct.h) no call into the kernel is made before or in it; everything here is read in place.
 */
#ifndef TW_SHORT_H
#define TW_SHORT_H

#include "socket.h"
#include "packet.h"

#define TW_LIKELY(x) __builtin_expect(!!(x), 1)
#define TW_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* A plain packet: where it goes, and whether it opens something. */
struct tw_plain {
	__u64 place;
	__u8 fresh;
};

/* A plain TCP or UDP packet over IPv4, all of whose headers can be read in place. */
static __always_inline int tw_is_plain(struct __sk_buff *skb, const struct tw_sock *s, struct tw_plain *p)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct iphdr *ip = data;
	const struct tw_transport *th = (void *)(ip + 1);

	if (TW_UNLIKELY(skb->protocol != bpf_htons(0x0800) || (void *)(&th->ports + 1) > end))
		return 0;
	if (TW_UNLIKELY(*(__u8 *)data != 0x45 || ip->frag_off & bpf_htons(0x1fff)))
		return 0;
	p->place = TW_PLACE(bpf_ntohl(ip->daddr), TW_SERVICE(ip->protocol, bpf_ntohs(th->ports.dest)));
	p->fresh = 1;
	if (ip->protocol == IPPROTO_UDP)
		return 1;
	/* A segment that ends before its flags is malformed. */
	if (TW_UNLIKELY(ip->protocol != IPPROTO_TCP || (void *)(th + 1) > end))
		return 0;
	p->fresh = tw_is_fresh(s->stream, IPPROTO_TCP, th);
	return 1;
}

/* The cached verdict is for this very place, and one that can expire has not for what opens something. */
static __always_inline int tw_is_remembered(const struct tw_sock *s, const struct tw_plain *p)
{
	return p->place == TW_PLACE_OF(s) && (!s->expires || !p->fresh || tw_now() < s->expires);
}

/*
 * The commonest new verdict: the target learned this address, and the first name of it allows the port.
 * No address that is on the list of DNS-over-HTTPS resolvers is ever learned (agent/target), so the list
 * is not asked here.
 */
static __always_inline int tw_is_learned(const struct tw_sock *s, const struct tw_plain *p, __u64 *opened)
{
	__u32 daddr = p->place >> 32, service = (__u32)p->place;
	const struct tw_lines *lines;
	const struct tw_learned *l;
	int match;

	if (TW_UNLIKELY(tw_never_allowed(daddr, service, 0)))
		return 0;
	l = tw_learned_of(s->target, daddr);
	if (!l)
		return 0;
	*opened = *(volatile tw_both *)&l->slot[0].name;
	if (!(__u32)*opened || tw_now() >= *opened >> 32)
		return 0;
	lines = tw_lines_of(s->table, (__u32)*opened);
	if (!lines)
		return 0;
	match = tw_first_match(lines, service);
	return match >= 0 && !(match & TW_MATCH_DENY);
}

enum tw_short {
	TW_SHORT_NO,		/* nothing is known here: ask the whole way */
	TW_SHORT_CACHED,
	TW_SHORT_LEARNED,
};

/* The table in force is the socket's, so the socket's target is the one that the table is for. */
static __always_inline int tw_short_way(struct __sk_buff *skb, const struct tw_sock *s, struct tw_plain *p,
					__u64 *opened)
{
	__u32 slot = s->slot;
	__u64 *word, in_force;

	if (TW_UNLIKELY(!s->table || !tw_is_plain(skb, s, p)))
		return TW_SHORT_NO;
	word = bpf_map_lookup_elem(&policies, &slot);
	in_force = word ? *(volatile __u64 *)word : 0;
	if (TW_UNLIKELY(TW_POLICY_TABLE(in_force) != s->table))
		return TW_SHORT_NO;
	if (tw_is_remembered(s, p))
		return TW_SHORT_CACHED;
	/* What is on loopback may be a service of this host. */
	if (in_force & TW_DENY_CIDR || skb->ifindex == 1)
		return TW_SHORT_NO;
	return tw_is_learned(s, p, opened) ? TW_SHORT_LEARNED : TW_SHORT_NO;
}

#endif
