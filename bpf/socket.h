/* SPDX-License-Identifier: MPL-2.0 */
/* A socket's own state, and which socket a local packet would reach. */
#ifndef TW_SOCKET_H
#define TW_SOCKET_H

#include "verdict.h"
#include "target.h"

/* Remembers what the verdict was, so that the next packet to the same place need not ask again. */
static __always_inline void tw_remember(struct tw_sock *s, const struct tw_held *h,
					const struct tw_query *q, __u64 verdict, __u32 now)
{
	tw_own_socket(s, h);
	s->daddr = q->daddr;
	s->dport = q->dport;
	s->proto = q->proto;
	s->state = tw_allows(verdict) ? TW_SOCK_ALLOWED : TW_SOCK_OBSERVED;
	s->expires = TW_V_LEFT(verdict) ? now + TW_V_LEFT(verdict) : 0;
	s->name = tw_allows(verdict) ? TW_V_NAME(verdict) : 0;
	s->table = TW_POLICY_TABLE(h->word);
}

/* The cached verdict. One that can expire is asked for the time only when it opens something. */
static __always_inline int tw_remembered(const struct tw_sock *s, const struct tw_query *q)
{
	__u32 slot = s->slot;
	__u64 *word;

	if (q->flags & ~TW_Q_FRESH)
		return 0;
	if (!s->table || s->daddr != q->daddr || s->dport != q->dport || s->proto != q->proto)
		return 0;
	word = bpf_map_lookup_elem(&policies, &slot);
	if (!word || TW_POLICY_TABLE(*(volatile __u64 *)word) != s->table)
		return 0;
	return !s->expires || !(q->flags & TW_Q_FRESH) || tw_now() < s->expires;
}

#endif
