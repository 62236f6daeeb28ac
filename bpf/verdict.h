/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The verdict: may this target reach this destination? Every hook asks here and nowhere else.
 * policy/verdict.ts is the same in TypeScript and is held against this one by the differential test.
 *
 * Order: delivery inside the target, its own resolver; what no policy can allow; deny lines of
 * prefixes; names that the address was learned for; allow lines of prefixes; deny. The socket's
 * cached verdict stands before this, in hooks/packet.c: it holds only what this said before.
 */
#ifndef TW_VERDICT_H
#define TW_VERDICT_H

#include <linux/in.h>
#include "maps.h"

enum tw_local {
	TW_LOCAL_NO,
	TW_LOCAL_OWN,		/* to the target itself, or to nobody */
	TW_LOCAL_FOREIGN,	/* to another service on this host */
};

enum tw_query_flags {
	TW_Q_IPV6 = 1,
	TW_Q_MALFORMED = 2,
	TW_Q_OPTIONS = 4,
	TW_Q_FRAGMENT = 8,	/* beyond the first: it has no ports */
	TW_Q_FRESH = 16,	/* opens something: not a later segment of a TCP connection */
};

struct tw_query {
	__u32 daddr;
	__u32 dport;
	__u32 name;		/* the name that the socket was opened to this place for, 0: none */
	__u8 proto;
	__u8 flags;
	__u8 local;
	__u8 hook;
};

/*
 * A verdict is one number, so that a global function can give it: the reason says whether it allows.
 * Names are elements of the array `names`, below 2^16; 20 bits are kept for them. The expiry counts
 * from the moment of the question.
 */
#define TW_VERDICT(reason, rule, name, left)                                                   \
	((__u64)(reason) | (__u64)(rule) << 5 | (__u64)(name) << 21 | (__u64)(left) << 41)
#define TW_V_REASON(v) ((__u8)((v) & 0x1f))
#define TW_V_RULE(v) ((__u16)((v) >> 5))
#define TW_V_NAME(v) ((__u32)((v) >> 21) & 0xfffff)
#define TW_V_LEFT(v) ((__u32)((v) >> 41))	/* ticks until it expires, 0: never */
#define TW_MAX_LEFT 0x7fffff

static __always_inline int tw_allows(__u64 verdict)
{
	return TW_V_REASON(verdict) >= TW_LOCAL && TW_V_REASON(verdict) <= TW_CIDR;
}

/*
 * Global functions are verified once and not along every path of every caller (since 5.6; numbers only
 * as arguments, before 5.12). The verifier knows nothing of what they return, which is on purpose: it
 * would otherwise follow each reason to the end of each program.
 */
#define TW_GLOBAL __attribute__((noinline))

/* Destination protocol and port in one number. */
#define TW_SERVICE(proto, port) ((__u32)(proto) << 16 | (__u32)(port))

/* What a list of lines says: no list, no line matches, or the first that does. */
#define TW_MATCH_ABSENT (-1)
#define TW_MATCH_NONE (-2)
#define TW_MATCH_DENY 0x10000
#define TW_MATCH_RULE(match) ((match) & 0xffff)

static __always_inline int tw_first_match(const struct tw_lines *lines, __u32 service)
{
	__u32 port = service & 0xffff, proto = service >> 16, i;

	for (i = 0; i < TW_MAX_LINES; i++) {
		const struct tw_line *l = &lines->line[i];

		if (i >= lines->count)
			break;
		if (l->proto && l->proto != proto)
			continue;
		if (port < l->from || port > l->to)
			continue;
		return l->deny ? TW_MATCH_DENY | l->rule : l->rule;
	}
	return TW_MATCH_NONE;
}

TW_GLOBAL int tw_match_cidr(__u32 table, __u32 addr, __u32 service)
{
	struct tw_cidr_key key = {
		.prefix = 64,
		.table = table,
		.addr_be = __builtin_bswap32(addr),
	};
	const struct tw_lines *lines = bpf_map_lookup_elem(&cidrs, &key);

	return lines ? tw_first_match(lines, service) : TW_MATCH_ABSENT;
}

/* What a name says of a service, by how much it tells: the highest wins, and the rule is in it. */
enum tw_score {
	TW_SCORE_NOTHING,
	TW_SCORE_UNLISTED,
	TW_SCORE_EXPIRED,
	TW_SCORE_PORT,
	TW_SCORE_DENY,
	TW_SCORE_ALLOW,
};
#define TW_SCORE(score, rule) ((score) << 16 | (rule))

static __always_inline const struct tw_lines *tw_lines_of(__u32 table, __u32 name)
{
	const struct tw_name *n = bpf_map_lookup_elem(&names, &name);
	const struct tw_lines *lines = n ? &n->version[table & 1] : 0;

	return lines && lines->table == table ? lines : 0;
}

TW_GLOBAL int tw_score_name(__u32 table, __u32 name, __u32 service)
{
	const struct tw_lines *lines = tw_lines_of(table, name);
	int match;

	if (!lines)
		return TW_SCORE(TW_SCORE_UNLISTED, 0);
	match = tw_first_match(lines, service);
	if (match < 0)
		return TW_SCORE(TW_SCORE_PORT, 0);
	return TW_SCORE(match & TW_MATCH_DENY ? TW_SCORE_DENY : TW_SCORE_ALLOW, TW_MATCH_RULE(match));
}

/*
 * Time for expiries: jiffies, which cost no call, in ticks of 16. They stand still while the machine
 * sleeps, and so does a learned address's time.
 */
static __always_inline __u32 tw_now(void)
{
	return bpf_jiffies64() >> TW_TICK_SHIFT;
}

static __always_inline int tw_in(__u32 addr, __u32 net, __u32 length)
{
	return (addr ^ net) >> (32 - length) == 0;
}

/*
 * The barrier proves enforcement with these two addresses of TEST-NET-1 (RFC 5737), where nobody can be:
 * the address hooks refuse the first, and leave the second to the packet hook. barrier/protocol.h has
 * the same two.
 */
#define TW_PROBES_NET 0xc00002fc	/* 192.0.2.252/31 */
#define TW_PROBE_OF_PACKETS 0xc00002fd

/*
 * Refused in every mode, and no rule can change it. TW_NONE: nothing of the kind, but for the addresses
 * of DNS-over-HTTPS resolvers, which are listed and which no target ever learns.
 */
static __always_inline int tw_never_allowed(__u32 addr, __u32 service, __u32 flags)
{
	__u32 port = service & 0xffff, proto = service >> 16;

	if (flags & TW_Q_MALFORMED)
		return TW_MALFORMED;
	if (flags & TW_Q_IPV6)
		return TW_IPV6;
	if (flags & TW_Q_OPTIONS)
		return TW_IP_OPTIONS;
	if (flags & TW_Q_FRAGMENT)
		return TW_FRAGMENT;
	if (tw_in(addr, 0x00000000, 8) || tw_in(addr, 0xe0000000, 3))
		return TW_MULTICAST;
	if (tw_in(addr, 0xa9fe0000, 16) ||	/* 169.254.0.0/16 */
	    addr == 0x646464c8 ||		/* 100.100.100.200, Alibaba */
	    addr == 0xa83f8110)			/* 168.63.129.16, Azure */
		return TW_METADATA;
	if (tw_in(addr, TW_PROBES_NET, 31))
		return TW_PROBE;
	if (proto == IPPROTO_ICMP)
		return TW_ICMP;
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return TW_PROTOCOL;
	if (port == 53)
		return TW_DNS_SERVER;
	if (port == 853)
		return TW_DOT;
	return TW_NONE;
}

static __always_inline int tw_is_resolver(const struct tw_target *t, const struct tw_query *q)
{
	return (q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP) &&
	       !(q->flags & (TW_Q_IPV6 | TW_Q_MALFORMED | TW_Q_FRAGMENT)) && t->resolver_port &&
	       q->daddr == t->resolver_addr && q->dport == t->resolver_port;
}

TW_GLOBAL int tw_always_denied(__u32 addr, __u32 service, __u32 flags)
{
	int reason = tw_never_allowed(addr, service, flags);

	return reason || !bpf_map_lookup_elem(&doh, &addr) ? reason : TW_DOH;
}

/* The reason to refuse that a score stands for. */
static __always_inline __u32 tw_reason_of(__u32 score, __u32 local)
{
	if (score == TW_SCORE_DENY)
		return TW_DENY_RULE;
	if (score == TW_SCORE_PORT)
		return TW_PORT;
	if (score == TW_SCORE_EXPIRED)
		return TW_EXPIRED;
	return score == TW_SCORE_NOTHING && local == TW_LOCAL_FOREIGN ? TW_LOCAL_SERVICE : TW_DEFAULT;
}

/* The names that a target resolved to an address. */
static __always_inline const struct tw_learned *tw_learned_of(__u32 target, __u32 addr)
{
	__u64 key = (__u64)target << 32 | addr;
	const struct tw_learned *l;
	__u32 mask = tw_hashing.mask, at, i;

	at = ((key ^ tw_hashing.seed) * 0x9e3779b97f4a7c15ull) >> 32;	/* 2^64 / golden ratio */
	for (i = 0; i < TW_PROBES; i++) {
		at &= mask;
		l = bpf_map_lookup_elem(&learned, &at);
		if (!l || l->key == TW_LEARNED_FREE)
			return 0;
		if (l->key == key)
			return l;
		at++;
	}
	return 0;
}

/* What the names of this address say at best; they stand in slots from the first on. */
TW_GLOBAL __u64 tw_judge_names(__u64 target_table, __u64 daddr_now, __u32 service)
{
	__u32 table = (__u32)target_table, now = (__u32)daddr_now, name, expires, best_name = 0, left = 0, i;
	const struct tw_learned *l = tw_learned_of(target_table >> 32, daddr_now >> 32);
	int best = 0, score;

	if (!l)
		return 0;
	for (i = 0; i < TW_MAX_NAMES; i++) {
		name = l->slot[i].name;
		expires = l->slot[i].expires;
		if (!name)
			break;
		score = now >= expires ? TW_SCORE(TW_SCORE_EXPIRED, 0) : tw_score_name(table, name, service);
		/* Of equal scores the first stands, whatever rules are in them. */
		if (score >> 16 > best >> 16) {
			best = score;
			best_name = name;
			left = expires - now;
		}
		if (best >= TW_SCORE(TW_SCORE_ALLOW, 0))
			break;
	}
	if (left > TW_MAX_LEFT)
		left = TW_MAX_LEFT;
	/* Here the reason is the score. */
	return TW_VERDICT(best >> 16, best & 0xffff, best_name & 0xfffff, left);
}

/* The order of the design, from what is always denied on; `facts` is service and flags and where. */
#define TW_FACTS(q) ((__u64)TW_SERVICE((q)->proto, (q)->dport) << 32 | (q)->flags << 8 | (q)->local)

TW_GLOBAL __u64 tw_judge(__u64 target_table, __u64 daddr_now, __u64 facts, __u32 policy_flags,
			 __u32 socket_name)
{
	__u32 daddr = daddr_now >> 32, table = (__u32)target_table, service = facts >> 32;
	__u32 flags = facts >> 8 & 0xff, local = facts & 0xff, reason;
	int match = TW_MATCH_ABSENT, score = 0;
	__u64 by_name;

	if (local == TW_LOCAL_OWN)
		return TW_VERDICT(TW_LOCAL, 0, 0, 0);
	reason = tw_always_denied(daddr, service, flags);
	if (reason)
		return TW_VERDICT(reason, 0, 0, 0);

	if (policy_flags & TW_DENY_CIDR) {
		match = tw_match_cidr(table, daddr, service);
		if (match >= 0 && match & TW_MATCH_DENY)
			return TW_VERDICT(TW_DENY_RULE, TW_MATCH_RULE(match), 0, 0);
	}
	/* An open connection goes on by the name that it was opened for, expired or not. */
	if (socket_name && !(flags & TW_Q_FRESH)) {
		score = tw_score_name(table, socket_name, service);
		if (score >= TW_SCORE(TW_SCORE_ALLOW, 0))
			return TW_VERDICT(TW_NAME, score & 0xffff, socket_name & 0xfffff, 0);
	}
	by_name = tw_judge_names(target_table, daddr_now, service);
	score = TW_V_REASON(by_name);
	if (score == TW_SCORE_ALLOW)
		return (by_name & ~0x1full) | TW_NAME;
	if (!(policy_flags & TW_DENY_CIDR))
		match = tw_match_cidr(table, daddr, service);
	if (match >= 0)
		return TW_VERDICT(TW_CIDR, TW_MATCH_RULE(match), 0, 0);
	if (match == TW_MATCH_NONE && score == TW_SCORE_NOTHING)
		return TW_VERDICT(TW_PORT, 0, 0, 0);
	return TW_VERDICT(tw_reason_of(score, local), TW_V_RULE(by_name), TW_V_NAME(by_name), 0);
}

/* Does it go through? Observe lets pass all but what is always denied. */
static __always_inline int tw_passes(__u64 word, __u64 verdict)
{
	return tw_allows(verdict) || ((word & TW_OBSERVE) && TW_V_REASON(verdict) < TW_DNS_SERVER);
}

static __always_inline __u64 tw_ask(const struct tw_target *t, __u64 word, const struct tw_query *q,
				    __u32 now)
{
	if (q->local != TW_LOCAL_OWN && tw_is_resolver(t, q))
		return TW_VERDICT(TW_RESOLVER, 0, 0, 0);
	return tw_judge((__u64)t->id << 32 | TW_POLICY_TABLE(word), (__u64)q->daddr << 32 | now,
			TW_FACTS(q), (__u32)word, q->name);
}

#endif
