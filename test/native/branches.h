/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Counts which way the programs go: with the engine's own functions, asked beforehand about the packet
 * and the socket in hand. A case that is never asked proves nothing of its branch.
 */
#ifndef TW_BRANCHES_H
#define TW_BRANCHES_H

#include <string.h>
#include "verdict.bpf.c"
#include "branch-list.h"

/* The branches inside tw_ask, or inside tw_judge where no resolver is. */
static __u64 tw_branches_of_query_at(const struct tw_held *h, const struct tw_query *q, __u32 now,
				     int resolver)
{
	__u32 table = TW_POLICY_TABLE(h->word), service = TW_SERVICE(q->proto, q->dport);
	__u64 key = (__u64)h->target->id << 32 | table;
	__u64 verdict = resolver ? tw_ask(h->target, h->word, q, now) :
				   tw_judge(key, (__u64)q->daddr << 32 | now, TW_FACTS(q),
					    (__u32)h->word, q->name);
	__u8 reason = TW_V_REASON(verdict);
	int match;

	if (reason == TW_RESOLVER)
		return verdict;	/* whether it is within the budget shows later */
	tw_took_reason(reason);
	tw_took(tw_allows(verdict) ? TW_BRANCH_PASSES :
		tw_passes(h->word, verdict) ? TW_BRANCH_OBSERVED : TW_BRANCH_REFUSED);
	if (reason == TW_LOCAL || reason >= TW_DNS_SERVER)
		return verdict;
	match = tw_match_cidr(table, q->daddr, service);
	tw_took(match == TW_MATCH_ABSENT ? TW_BRANCH_CIDR_ABSENT :
		match == TW_MATCH_NONE	 ? TW_BRANCH_CIDR_NONE :
		match & TW_MATCH_DENY	 ? TW_BRANCH_CIDR_DENY : TW_BRANCH_CIDR_ALLOW);
	if (match >= 0 && match & TW_MATCH_DENY)
		return verdict;
	if (!q->name) {
		tw_took(TW_BRANCH_NAME_ABSENT);
	} else if (q->flags & TW_Q_FRESH) {
		tw_took(TW_BRANCH_NAME_FRESH);
	} else if (tw_score_name(table, q->name, service) >= TW_SCORE(TW_SCORE_ALLOW, 0)) {
		tw_took(TW_BRANCH_NAME_ALLOW);
		return verdict;
	} else {
		tw_took(TW_BRANCH_NAME_GONE);
	}
	tw_took(TW_BRANCH_SCORE_NOTHING +
		TW_V_REASON(tw_judge_names(key, (__u64)q->daddr << 32 | now, service)));
	return verdict;
}

static __u64 tw_branches_of_query(const struct tw_held *h, const struct tw_query *q, __u32 now)
{
	return tw_branches_of_query_at(h, q, now, 1);
}

/* What becomes of the cached verdict, in the order of tw_short_way. */
static void tw_branches_of_cache(const struct tw_sock *s, const struct tw_packet *p, __u64 word,
				 int form)
{
	int fresh = p->q.flags & TW_Q_FRESH;

	if (!s->table)
		tw_took(TW_BRANCH_CACHE_EMPTY);
	else if (!form)
		tw_took(TW_BRANCH_CACHE_FORM);
	else if (p->q.proto != s->proto)
		tw_took(TW_BRANCH_CACHE_PROTOCOL);
	else if (p->q.daddr != s->daddr)
		tw_took(TW_BRANCH_CACHE_ADDRESS);
	else if (p->q.dport != s->dport)
		tw_took(TW_BRANCH_CACHE_PORT);
	else if (TW_POLICY_TABLE(word) != s->table)
		tw_took(TW_BRANCH_CACHE_STALE);
	else if (s->state == TW_SOCK_OBSERVED)
		tw_took(TW_BRANCH_CACHE_OBSERVED);
	else if (!s->expires)
		tw_took(TW_BRANCH_CACHE_ALWAYS);
	else if (fresh)
		tw_took(tw_now() < s->expires ? TW_BRANCH_CACHE_FRESH : TW_BRANCH_CACHE_EXPIRED);
	else
		tw_took(tw_now() < s->expires ? TW_BRANCH_CACHE_OPEN : TW_BRANCH_CACHE_OUTLIVED);
}

static void tw_took_target(int by_socket, int by_cgroup)
{
	tw_took(by_socket ? TW_BRANCH_TARGET_SOCKET :
		by_cgroup ? TW_BRANCH_TARGET_CGROUP : TW_BRANCH_TARGET_NONE);
}

static int tw_held_by(struct tw_held *h, const struct tw_sock *s)
{
	int by_socket = s && tw_hold_socket(h, s);
	int by_cgroup = by_socket || tw_hold_slot(h, TW_FIND_SLOT(tw_test_cgroup));

	tw_took_target(by_socket, by_cgroup);
	return by_cgroup;
}

static struct tw_sock *tw_stored(struct bpf_sock *sk)
{
	return sk ? tw_test_storage(sk, 0) : 0;
}

/* What comes behind a refusal in a namespace of the target's own; the budget is looked at, not used. */
static void tw_branches_of_refusal(struct __sk_buff *skb, const struct tw_held *h, __u64 verdict)
{
	__u32 slot = h->slot;
	const struct tw_account *a = bpf_map_lookup_elem(&accounts, &slot);
	__u64 now = bpf_ktime_get_boot_ns();

	if (tw_is_nested_query(h, verdict))
		tw_took(a->query_time <= now + h->target->query_burst ? TW_BRANCH_NESTED_QUERY :
									TW_BRANCH_NESTED_BEYOND);
	else if (!tw_allows(verdict) && tw_is_inner(skb, h))
		tw_took(TW_BRANCH_INNER);
}

/* Whether the packet is one for the resolver, of which only the budget is to be known yet. */
static int tw_branches_of_packet(struct __sk_buff *skb, const struct tw_test_given *g, int direct)
{
	struct tw_sock *s = tw_stored(tw_test_socket(g->socket));
	const void *data = (const void *)(long)skb->data;
	__u32 first = *(const __u8 *)data;
	struct tw_packet p;
	struct tw_held h;
	__u64 verdict, opened;
	struct tw_plain at;
	int way;

	tw_parse(skb, s && s->stream, &p);
	if (!s) {
		tw_took(TW_BRANCH_SOCKET_NEW);
	} else {
		__u32 slot = s->slot;
		const __u64 *word = bpf_map_lookup_elem(&policies, &slot);
		int plain = !(p.q.flags & ~TW_Q_FRESH) && first == 0x45 &&
			    skb->data_end - skb->data >= sizeof(struct iphdr) + sizeof(struct tw_ports);

		tw_branches_of_cache(s, &p, word ? *word : 0, plain);
		way = tw_short_way(skb, s, &at, &opened);
		if (way != TW_SHORT_NO)
			tw_took(way == TW_SHORT_CACHED ? TW_BRANCH_WAY_CACHED :
				direct		       ? TW_BRANCH_WAY_DIRECT : TW_BRANCH_WAY_SHORT);
		/* Without a call a connection cannot be remembered. */
		if (way == TW_SHORT_CACHED || (way == TW_SHORT_LEARNED && !(direct && s->stream)))
			return 0;
	}
	tw_took(TW_BRANCH_WAY_WHOLE);
	if (!tw_held_by(&h, s))
		return 0;
	if (s && tw_is_same_place(s, &h, &p.q))
		p.q.name = s->name;
	if (skb->ifindex == 1) {
		p.q.local = tw_local_peer(skb, &h, &p);
		tw_took(h.target->flags & TW_OWN_NETNS ? TW_BRANCH_PEER_NAMESPACE :
			p.q.local == TW_LOCAL_OWN ? TW_BRANCH_PEER_OWN : TW_BRANCH_PEER_FOREIGN);
	}
	if (tw_is_own_resolver(skb, &h, &p)) {
		tw_took(TW_BRANCH_OWN_RESOLVER);
		return 1;
	}
	verdict = tw_branches_of_query(&h, &p.q, tw_now());
	tw_branches_of_refusal(skb, &h, verdict);
	return TW_V_REASON(verdict) == TW_RESOLVER;
}

/* In the order of tw_decide_address. */
static void tw_branches_of_address(const struct tw_test_given *g)
{
	struct tw_sock *s = tw_stored(tw_test_socket(g->socket));
	const struct tw_test_socket *peer = (void *)tw_test_peer();
	int own, foreign, loopback;
	struct tw_address a;
	struct tw_query q;
	struct tw_held h;
	__u64 verdict;

	if (!tw_held_by(&h, s))
		return;
	if (g->ask == TW_TEST_ADDRESS4)
		tw_set_address4(&a, g->addr[3], g->port_be);
	else
		tw_set_address6(&a, g->addr, g->port_be);
	tw_test_read_address(g, &q);
	loopback = tw_is_loopback(&a);
	own = peer && peer->stored && peer->state.target == h.target->id;
	foreign = (q.proto != IPPROTO_TCP && q.proto != IPPROTO_UDP) || (peer && !own);
	own = own && !foreign;
	if (tw_wants_redirect(&h, &a, g->proto)) {
		tw_took(TW_BRANCH_ADDRESS_REDIRECT);
		return;
	}
	if ((h.target->flags & TW_OWN_NETNS) && loopback) {
		tw_took(TW_BRANCH_ADDRESS_OWN_LOOPBACK);
		return;
	}
	if ((h.target->flags & TW_OWN_NETNS) && tw_is_own_address(&h, &a)) {
		tw_took(TW_BRANCH_ADDRESS_OWN);
		return;
	}
	if (!a.ipv6 && a.daddr == TW_PROBE_OF_PACKETS && q.proto == IPPROTO_UDP) {
		tw_took(TW_BRANCH_ADDRESS_PROBE);
		return;
	}
	if (!(h.target->flags & TW_REDIRECT) && a.port == 53) {
		tw_took(TW_BRANCH_ADDRESS_DNS);
		return;
	}
	if (!(h.target->flags & TW_OWN_NETNS) && loopback) {
		tw_took(foreign ? TW_BRANCH_ADDRESS_FOREIGN : TW_BRANCH_ADDRESS_LOOPBACK);
		if (!foreign)
			return;
		q.local = TW_LOCAL_FOREIGN;
	}
	if (!a.ipv6 && s && s->target == h.target->id && s->table && s->state == TW_SOCK_ALLOWED &&
	    s->daddr == q.daddr && s->dport == q.dport && s->proto == q.proto && tw_still_holds(s, 1)) {
		tw_took(TW_BRANCH_ADDRESS_CACHED);
		return;
	}
	tw_took(TW_BRANCH_ADDRESS_ASKED);
	verdict = tw_branches_of_query(&h, &q, tw_now());
	if (TW_V_REASON(verdict) == TW_RESOLVER)
		tw_took_reason(TW_RESOLVER);
	else if (!tw_allows(verdict) && !(h.target->flags & TW_OWN_NETNS) && !loopback && own)
		tw_took(TW_BRANCH_ADDRESS_LISTENER);
}

/* In the order of tw_at_uplink and tw_judge_frame. */
static void tw_branches_of_frame(struct __sk_buff *skb, const struct tw_test_given *g)
{
	const struct tw_sock *s = tw_stored(tw_test_socket(g->socket));
	__u32 ifindex = skb->ifindex;
	struct tw_packet p;
	struct tw_held h;

	if (!bpf_map_lookup_elem(&uplinks, &ifindex) || !tw_hold_slot(&h, 0)) {
		tw_took(TW_BRANCH_FRAME_INNER);
		return;
	}
	if (skb->protocol != bpf_htons(ETH_P_IP)) {
		tw_took(skb->protocol == bpf_htons(ETH_P_ARP) ? TW_BRANCH_FRAME_ARP : TW_BRANCH_FRAME_OTHER);
		return;
	}
	if (s && s->target != h.target->id)
		s = 0;
	tw_parse_at(skb, s ? s->stream : 1, &p, ETH_HLEN);
	if (s && tw_was_judged(s, &h, &p)) {
		tw_took(TW_BRANCH_FRAME_JUDGED);
		return;
	}
	if (!s && tw_is_kernels_own(skb, &p)) {
		tw_took(TW_BRANCH_FRAME_KERNEL);
		return;
	}
	if (s) {
		tw_took(TW_BRANCH_FRAME_SOCKET);
		if (tw_is_same_place(s, &h, &p.q))
			p.q.name = s->name;
	} else {
		tw_follow_flow(&h, &p);
		tw_took(p.q.flags & TW_Q_FRESH ? TW_BRANCH_FRAME_NEW : TW_BRANCH_FRAME_FLOW);
	}
	/* No resolver is at that end of the link. */
	tw_branches_of_query_at(&h, &p.q, tw_now(), 0);
}

#endif
