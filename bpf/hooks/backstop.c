/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The machine's end of a target's link: what never met a hook of the cgroup comes by here. Packet sockets
 * send past the IP layer, forwarded packets of nested containers belong to no socket any more, tunnels
 * wrap one packet into another. The same verdict, on the packet that really leaves.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "../evidence.h"
#include "../socket.h"
#include "../packet.h"

/* Whoever stands behind us at this place decides on. */
#define TW_GO_ON TC_ACT_UNSPEC

/* Cgroup of sockets that the kernel made for itself. */
#define TW_ROOT_CGROUP 1

/* Resets and last acknowledgements are sent by a socket of the kernel's, for connections that are gone. */
static __always_inline int tw_is_kernels_own(struct __sk_buff *skb, const struct tw_packet *p)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct iphdr *ip = data + ETH_HLEN;
	const struct tw_transport *th = (void *)(ip + 1);
	__u32 headers;

	if (p->q.flags & (TW_Q_IPV6 | TW_Q_MALFORMED | TW_Q_OPTIONS | TW_Q_FRAGMENT) ||
	    p->q.proto != IPPROTO_TCP || !skb->sk || bpf_skb_cgroup_id(skb) != TW_ROOT_CGROUP)
		return 0;
	if ((void *)(th + 1) > end)
		return 0;
	/* No payload: the packet is its headers. The fourth byte before the flags holds the offset. */
	headers = sizeof(*ip) + (th->skipped[8] >> 4) * 4;
	return bpf_ntohs(ip->tot_len) == headers && !(th->flags & TW_TCP_SYN);
}

/* What the packet hook decided about this very destination, which is not said twice. */
static __always_inline int tw_was_judged(const struct tw_sock *s, const struct tw_held *h,
					 const struct tw_packet *p)
{
	return tw_is_same_place(s, h, &p->q) && s->table == TW_POLICY_TABLE(h->word) &&
	       s->state != TW_SOCK_NEW && !(p->q.flags & ~TW_Q_FRESH) &&
	       (!s->expires || !(p->q.flags & TW_Q_FRESH) || tw_now() < s->expires);
}

static __always_inline void tw_flow_key(struct tw_flow_key *key, const struct tw_held *h,
					const struct tw_packet *p)
{
	key->target = h->target->id;
	key->saddr = p->saddr[3];
	key->daddr = p->daddr[3];
	key->sport = p->sport;
	key->dport = (__u16)p->q.dport;
}

/* A segment goes on with what was opened here before; a SYN opens again, from the same port or not. */
static __always_inline void tw_follow_flow(const struct tw_held *h, struct tw_packet *p)
{
	struct tw_flow_key key;
	__u32 *name;

	if (p->q.proto != IPPROTO_TCP || p->q.flags & (TW_Q_IPV6 | TW_Q_FRESH))
		return;
	tw_flow_key(&key, h, p);
	name = bpf_map_lookup_elem(&flows, &key);
	if (name)
		p->q.name = *name;
	else
		p->q.flags |= TW_Q_FRESH;
}

static __always_inline void tw_open_flow(const struct tw_held *h, const struct tw_packet *p, __u64 verdict)
{
	struct tw_flow_key key;
	__u32 name = TW_V_NAME(verdict);

	if (p->q.proto != IPPROTO_TCP)
		return;
	tw_flow_key(&key, h, p);
	bpf_map_update_elem(&flows, &key, &name, BPF_ANY);
}

static __always_inline struct tw_sock *tw_storage_of(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk, *full = sk ? bpf_sk_fullsock(sk) : 0;

	return full ? bpf_sk_storage_get(&sockets, full, 0, 0) : 0;
}

static __always_inline int tw_judge_frame(struct __sk_buff *skb, const struct tw_held *h,
					  const struct tw_sock *s)
{
	struct tw_row_key key;
	struct tw_packet p;
	__u32 now = tw_now();
	__u64 verdict;

	if (s && s->target != h->target->id)
		s = 0;
	/* Without a socket's state nothing says whether a segment opens something: the flow does. */
	tw_parse_at(skb, s ? s->stream : 1, &p, ETH_HLEN);
	if (s) {
		if (tw_was_judged(s, h, &p))
			return TW_GO_ON;
		if (tw_is_same_place(s, h, &p.q))
			p.q.name = s->name;
	} else {
		if (tw_is_kernels_own(skb, &p))
			return TW_GO_ON;
		tw_follow_flow(h, &p);
	}
	p.q.hook = TW_HOOK_BACKSTOP;
	verdict = tw_judge((__u64)h->target->id << 32 | TW_POLICY_TABLE(h->word),
			   (__u64)p.q.daddr << 32 | now, TW_FACTS(&p.q), (__u32)h->word, p.q.name);
	if (tw_allows(verdict) && !(p.q.flags & TW_Q_FRESH))
		return TW_GO_ON;
	tw_row_key(&key, h, &p.q, verdict, p.q.flags & TW_Q_IPV6 ? p.daddr : 0);
	if (s) {
		key.pid = s->pid;
		key.start = s->start;
	}
	tw_record(h, &key);
	if (!key.passed)
		return TC_ACT_SHOT;
	if (!s)
		tw_open_flow(h, &p, verdict);
	return TW_GO_ON;
}

static __always_inline int tw_at_uplink(struct __sk_buff *skb, const struct tw_sock *s)
{
	__u32 ifindex = skb->ifindex, *slot = bpf_map_lookup_elem(&uplinks, &ifindex);
	struct tw_held h;

	if (!slot)
		return TW_GO_ON;
	if (!tw_hold_slot(&h, *slot)) {
		tw_count(TW_UNKNOWN_TARGET);
		return TC_ACT_SHOT;
	}
	/* Neighbours must find each other; it is answered by the machine and goes no further. */
	if (skb->protocol == bpf_htons(ETH_P_ARP))
		return TW_GO_ON;
	/* IPv6 is refused with its row where a socket sends it; what comes by here is the kernel's own talk. */
	if (skb->protocol != bpf_htons(ETH_P_IP)) {
		tw_count(TW_FRAMES_DROPPED);
		return TC_ACT_SHOT;
	}
	return tw_judge_frame(skb, &h, s);
}

SEC("tc")
int tw_backstop(struct __sk_buff *skb)
{
	return tw_at_uplink(skb, tw_storage_of(skb));
}
