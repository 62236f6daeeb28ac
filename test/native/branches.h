/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Counts which way the programs go: with the engine's own functions, asked beforehand about the packet
 * and the socket in hand. A case that is never asked proves nothing of its branch.
 */
#ifndef TW_BRANCHES_H
#define TW_BRANCHES_H

#include <string.h>
#include "verdict.bpf.c"

#define TW_BRANCH_LIST(B)                                                        \
	B(WAY_CACHED, "packet: by the socket's cached verdict")                  \
	B(WAY_SHORT, "packet: the short way, by a learned address")              \
	B(WAY_WHOLE, "packet: the whole way")                                    \
	B(SOCKET_NEW, "packet: of no socket, or one that no hook saw")           \
	B(TARGET_SOCKET, "target: by the socket")                                \
	B(TARGET_CGROUP, "target: by the cgroup")                                \
	B(TARGET_NONE, "target: unknown")                                        \
	B(CACHE_EMPTY, "cache: no verdict yet")                                  \
	B(CACHE_FORM, "cache: not asked, no plain packet")                       \
	B(CACHE_PROTOCOL, "cache: another protocol")                             \
	B(CACHE_ADDRESS, "cache: another address")                               \
	B(CACHE_PORT, "cache: another port")                                     \
	B(CACHE_STALE, "cache: the policy has changed")                          \
	B(CACHE_EXPIRED, "cache: expired")                                       \
	B(CACHE_OBSERVED, "cache: holds, refused and observed")                  \
	B(CACHE_ALWAYS, "cache: holds without end")                              \
	B(CACHE_FRESH, "cache: holds, not yet expired")                          \
	B(CACHE_OPEN, "cache: holds, open connection before its expiry")         \
	B(CACHE_OUTLIVED, "cache: holds, open connection after its expiry")      \
	B(ADDRESS_REDIRECT, "connect: port 53, redirected")                      \
	B(ADDRESS_PROBE, "connect: the barrier's probe of packets")              \
	B(ADDRESS_DNS, "connect: port 53, left to nftables")                     \
	B(ADDRESS_OWN_LOOPBACK, "connect: loopback of an own namespace")         \
	B(ADDRESS_LOOPBACK, "connect: loopback, own listener or none")           \
	B(ADDRESS_FOREIGN, "connect: loopback, someone else's listener")         \
	B(ADDRESS_CACHED, "connect: cached verdict holds")                       \
	B(ADDRESS_ASKED, "connect: asked")                                       \
	B(ADDRESS_LISTENER, "connect: asked, refused, an own listener there")      \
	B(PEER_NAMESPACE, "loopback packet: in an own namespace")                \
	B(PEER_OWN, "loopback packet: to the target, or to nobody")              \
	B(PEER_FOREIGN, "loopback packet: to someone else")                      \
	B(OWN_RESOLVER, "loopback packet: to the resolver of an own namespace")  \
	B(PASSES, "verdict: allows")                                             \
	B(OBSERVED, "verdict: refuses, and Observe lets pass")                   \
	B(REFUSED, "verdict: refuses")                                           \
	B(CIDR_ABSENT, "prefixes: none holds the address")                       \
	B(CIDR_NONE, "prefixes: no line matches")                                \
	B(CIDR_DENY, "prefixes: a line denies")                                  \
	B(CIDR_ALLOW, "prefixes: a line allows")                                 \
	B(NAME_ABSENT, "socket's name: none")                                    \
	B(NAME_FRESH, "socket's name: not asked, something new is opened")       \
	B(NAME_ALLOW, "socket's name: still allows")                             \
	B(NAME_GONE, "socket's name: allows no longer")                          \
	B(SCORE_NOTHING, "names: none for the address")                          \
	B(SCORE_UNLISTED, "names: at best one without rules")                    \
	B(SCORE_EXPIRED, "names: at best one that has expired")                  \
	B(SCORE_PORT, "names: at best one for other ports")                      \
	B(SCORE_DENY, "names: at best one that is denied")                       \
	B(SCORE_ALLOW, "names: one allows")                                      \
	B(REASON_LOCAL, "reason: local")                                         \
	B(REASON_RESOLVER, "reason: resolver")                                   \
	B(REASON_NAME, "reason: name")                                           \
	B(REASON_CIDR, "reason: cidr")                                           \
	B(REASON_DEFAULT, "reason: default")                                     \
	B(REASON_DENY_RULE, "reason: deny-rule")                                 \
	B(REASON_EXPIRED, "reason: expired")                                     \
	B(REASON_PORT, "reason: port")                                           \
	B(REASON_LOCAL_SERVICE, "reason: local-service")                         \
	B(REASON_DNS_SERVER, "reason: dns-server")                               \
	B(REASON_DOT, "reason: dot")                                             \
	B(REASON_DOH, "reason: doh")                                             \
	B(REASON_METADATA, "reason: metadata")                                   \
	B(REASON_IPV6, "reason: ipv6")                                           \
	B(REASON_ICMP, "reason: icmp")                                           \
	B(REASON_PROTOCOL, "reason: protocol")                                   \
	B(REASON_FRAGMENT, "reason: fragment")                                   \
	B(REASON_IP_OPTIONS, "reason: ip-options")                               \
	B(REASON_MULTICAST, "reason: multicast")                                 \
	B(REASON_MALFORMED, "reason: malformed")                                 \
	B(REASON_DNS_BUDGET, "reason: dns-budget")                               \
	B(REASON_PROBE, "reason: probe")

enum tw_branch {
#define TW_BRANCH_ENUM(id, text) TW_BRANCH_##id,
	TW_BRANCH_LIST(TW_BRANCH_ENUM)
	TW_BRANCHES,
};

static const char *const tw_branch_texts[] = {
#define TW_BRANCH_TEXT(id, text) text,
	TW_BRANCH_LIST(TW_BRANCH_TEXT)
};

static __u64 tw_branch_counts[TW_BRANCHES];

static void tw_took(int branch)
{
	tw_branch_counts[branch]++;
}

static void tw_took_reason(__u8 reason)
{
	/* A packet of no target has no verdict, so its reason is in the way of the one behind it. */
	tw_took(reason == TW_PROBE ? TW_BRANCH_REASON_PROBE : TW_BRANCH_REASON_LOCAL + reason - TW_LOCAL);
}

/* The branches inside tw_ask, for a query that gets there. */
static __u64 tw_branches_of_query(const struct tw_held *h, const struct tw_query *q, __u32 now)
{
	__u32 table = TW_POLICY_TABLE(h->word), service = TW_SERVICE(q->proto, q->dport);
	__u64 verdict = tw_ask(h->target, h->word, q, now), key = (__u64)h->target->id << 32 | table;
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

/* What becomes of the cached verdict, in the order of tw_is_remembered and tw_still_holds. */
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

/* Whether the packet is one for the resolver, of which only the budget is to be known yet. */
static int tw_branches_of_packet(struct __sk_buff *skb, const struct tw_test_given *g)
{
	struct tw_sock *s = tw_stored(tw_test_socket(g->socket)), copy;
	const void *data = (const void *)(long)skb->data;
	__u32 first = *(const __u8 *)data;
	struct tw_packet p;
	struct tw_held h;

	tw_parse(skb, s && s->stream, &p);
	if (!s) {
		tw_took(TW_BRANCH_SOCKET_NEW);
	} else {
		__u32 slot = s->slot;
		const __u64 *word = bpf_map_lookup_elem(&policies, &slot);
		int plain = !(p.q.flags & ~TW_Q_FRESH) && first == 0x45 &&
			    skb->data_end - skb->data >= sizeof(struct iphdr) + sizeof(struct tw_ports);

		tw_branches_of_cache(s, &p, word ? *word : 0, plain);
		if (tw_is_remembered(skb, s)) {
			tw_took(TW_BRANCH_WAY_CACHED);
			return 0;
		}
		copy = *s;
		if (tw_is_learned(skb, &copy)) {
			tw_took(TW_BRANCH_WAY_SHORT);
			return 0;
		}
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
	return TW_V_REASON(tw_branches_of_query(&h, &p.q, tw_now())) == TW_RESOLVER;
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

#endif
