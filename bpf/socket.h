/* SPDX-License-Identifier: MPL-2.0 */
/* A socket's own state, and which socket a local packet would reach. */
#ifndef TW_SOCKET_H
#define TW_SOCKET_H

#include "verdict.h"
#include "target.h"

#define TW_SOCK_STREAM 1

/* Where a query goes, as a socket remembers it. */
static __always_inline __u64 tw_place(const struct tw_query *q)
{
	return TW_PLACE(q->daddr, TW_SERVICE(q->proto, q->dport));
}

static __always_inline void tw_keep(struct tw_sock *s, __u64 place, __u8 state, __u64 opened)
{
	TW_PLACE_OF(s) = place;
	TW_BOTH(s->name) = opened;
	s->state = state;
}

/* Remembers what the verdict was, so that the next packet to the same place need not ask again. */
static __always_inline void tw_remember(struct tw_sock *s, const struct tw_held *h,
					const struct tw_query *q, __u64 verdict, __u32 now)
{
	__u32 name = TW_V_NAME(verdict);

	tw_own_socket(s, h);
	/* By a name without time left an open connection goes on; for a new one it has expired. */
	if (tw_allows(verdict))
		tw_keep(s, tw_place(q), TW_SOCK_ALLOWED,
			TW_OPENED(name, name ? now + TW_V_LEFT(verdict) : 0));
	else
		tw_keep(s, tw_place(q), TW_SOCK_OBSERVED, 0);
	s->table = TW_POLICY_TABLE(h->word);
}

/*
 * A socket's name is that of the place which it was opened for. A TCP socket can be taken back (connect
 * with AF_UNSPEC) and listen: whoever connects then, it was not opened for him. And a name's number means
 * nothing to another target.
 */
static __always_inline int tw_is_same_place(const struct tw_sock *s, const struct tw_held *h,
					    const struct tw_query *q)
{
	return s->target == h->target->id && TW_PLACE_OF(s) == tw_place(q);
}

/* Is a cached verdict still good? One that can expire is asked for the time when it opens something. */
static __always_inline int tw_still_holds(const struct tw_sock *s, int fresh)
{
	__u32 slot = s->slot;
	__u64 *word = bpf_map_lookup_elem(&policies, &slot);

	if (!word || TW_POLICY_TABLE(*(volatile __u64 *)word) != s->table)
		return 0;
	return !s->expires || !fresh || tw_now() < s->expires;
}

static __always_inline int tw_is_stream(__u32 type, __u32 protocol)
{
	return type == TW_SOCK_STREAM && protocol == IPPROTO_TCP;
}

#endif
