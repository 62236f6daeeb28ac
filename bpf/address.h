/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What the address hooks share. They run in the process that connects or sends, so they refuse at once
 * with EPERM and know who asked. They may let pass what they cannot decide: the packet hook stands
 * behind them.
 */
#ifndef TW_ADDRESS_H
#define TW_ADDRESS_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "evidence.h"
#include "socket.h"
#include "process.h"

/* An address as a hook got it; v4-mapped IPv6 is IPv4 everywhere. */
struct tw_address {
	__u32 addr6[4];		/* wire order */
	__u32 daddr;		/* host order, if not ipv6 */
	__u16 port;
	__u8 ipv6;
	__u8 _pad;
};

static __always_inline int tw_is_loopback(const struct tw_address *a)
{
	if (a->ipv6)
		return !a->addr6[0] && !a->addr6[1] && !a->addr6[2] &&
		       a->addr6[3] == bpf_htonl(1);
	return a->daddr >> 24 == 127;
}

/* An unset address means this host (ip(7)): the packet will carry loopback's. */
static __always_inline void tw_set_address4(struct tw_address *a, __u32 addr_be, __u32 port_be)
{
	__builtin_memset(a, 0, sizeof(*a));
	a->daddr = bpf_ntohl(addr_be);
	a->port = bpf_ntohs((__u16)port_be);
	if (!a->daddr)
		a->daddr = 0x7f000001;
}

static __always_inline void tw_set_address6(struct tw_address *a, const __u32 *addr, __u32 port_be)
{
	if (!addr[0] && !addr[1] && addr[2] == bpf_htonl(0xffff)) {
		tw_set_address4(a, addr[3], port_be);
		return;
	}
	__builtin_memset(a, 0, sizeof(*a));
	a->ipv6 = 1;
	a->port = bpf_ntohs((__u16)port_be);
	a->addr6[0] = addr[0];
	a->addr6[1] = addr[1];
	a->addr6[2] = addr[2];
	a->addr6[3] = addr[3];
	if (!addr[0] && !addr[1] && !addr[2] && !addr[3])
		a->addr6[3] = bpf_htonl(1);
}

static __always_inline int tw_is_own_address(const struct tw_held *h, const struct tw_address *a)
{
	__u32 i;

	for (i = 0; !a->ipv6 && i < TW_MAX_OWN; i++)
		if (h->target->own[i] && h->target->own[i] == a->daddr)
			return 1;
	return 0;
}

enum tw_listener {
	TW_LISTENER_NONE,
	TW_LISTENER_OWN,
	TW_LISTENER_FOREIGN,
};

/* Which socket on this host would take it? Only sockets that a hook saw are known as the target's. */
static __always_inline enum tw_listener tw_listener(struct bpf_sock_addr *ctx, const struct tw_held *h,
						    const struct tw_address *a, __u8 proto)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv4);
	enum tw_listener found;
	struct tw_sock *s;
	struct bpf_sock *peer;

	if (a->ipv6) {
		size = sizeof(tuple.ipv6);
		__builtin_memcpy(tuple.ipv6.daddr, a->addr6, 16);
		tuple.ipv6.dport = bpf_htons(a->port);
	} else {
		tuple.ipv4.daddr = bpf_htonl(a->daddr);
		tuple.ipv4.dport = bpf_htons(a->port);
	}
	if (proto == IPPROTO_TCP)
		peer = bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else if (proto == IPPROTO_UDP)
		peer = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		return TW_LISTENER_FOREIGN;
	if (!peer)
		return TW_LISTENER_NONE;
	s = bpf_sk_storage_get(&sockets, peer, 0, 0);
	found = s && s->target == h->target->id ? TW_LISTENER_OWN : TW_LISTENER_FOREIGN;
	bpf_sk_release(peer);
	return found;
}

/* The target and the state of the socket in hand; the process in hand becomes its user. */
static __always_inline struct tw_sock *tw_hold(struct bpf_sock_addr *ctx, struct tw_held *h)
{
	struct bpf_sock *sk = ctx->sk;
	struct tw_process *p;
	struct tw_sock *s;

	if (!sk)
		return 0;
	s = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s) {
		tw_count(TW_STORAGE_FAILED);
		return 0;
	}
	if (!tw_hold_socket(h, s) && !tw_hold_slot(h, tw_slot_of_current())) {
		tw_count(TW_UNKNOWN_TARGET);
		return 0;
	}
	tw_own_socket(s, h);
	s->stream = tw_is_stream(ctx->type, ctx->protocol);
	p = tw_current_process();
	if (p) {
		s->pid = p->pid;
		s->start = p->start;
	}
	return s;
}

static __always_inline int tw_wants_redirect(const struct tw_held *h, const struct tw_address *a,
					     __u8 proto)
{
	return (h->target->flags & TW_REDIRECT) && a->port == 53 && !a->ipv6 &&
	       (proto == IPPROTO_UDP || proto == IPPROTO_TCP);
}

static __always_inline int tw_decide_address(struct bpf_sock_addr *ctx, const struct tw_held *h,
					     struct tw_sock *s, const struct tw_address *a, __u8 hook)
{
	struct tw_query q = {
		.daddr = a->daddr,
		.dport = a->port,
		.proto = ctx->protocol,
		.flags = TW_Q_FRESH | (a->ipv6 ? TW_Q_IPV6 : 0),
		.hook = hook,
	};
	struct tw_row_key key;
	__u32 now = tw_now();
	__u64 verdict;

	if ((h->target->flags & TW_OWN_NETNS) && (tw_is_loopback(a) || tw_is_own_address(h, a)))
		return TW_PASS;
	/* Nothing gets through there: the packet hook refuses it, and the barrier looks whether it does. */
	if (!a->ipv6 && a->daddr == TW_PROBE_OF_PACKETS && q.proto == IPPROTO_UDP)
		return TW_PASS;
	/* In a namespace of its own, nftables stands between here and the packet: port 53 goes there. */
	if (!(h->target->flags & TW_REDIRECT) && a->port == 53)
		return TW_PASS;
	if (!(h->target->flags & TW_OWN_NETNS) && tw_is_loopback(a)) {
		/* With nobody there the caller shall see a refused connection, not EPERM. */
		if (tw_listener(ctx, h, a, q.proto) != TW_LISTENER_FOREIGN)
			return TW_PASS;
		q.local = TW_LOCAL_FOREIGN;
	}

	if (!a->ipv6 && s->table && s->state == TW_SOCK_ALLOWED && TW_PLACE_OF(s) == tw_place(&q) &&
	    tw_still_holds(s, 1))
		return TW_PASS;
	verdict = tw_ask(h->target, h->word, &q, now);
	if (TW_V_REASON(verdict) == TW_RESOLVER)
		return TW_PASS;
	/* Perhaps an address of this host, and a socket of the target's own there: the packet hook knows. */
	if (!tw_allows(verdict) && !(h->target->flags & TW_OWN_NETNS) && !tw_is_loopback(a) &&
	    tw_listener(ctx, h, a, q.proto) == TW_LISTENER_OWN)
		return TW_PASS;
	tw_row_key(&key, h, &q, verdict, a->ipv6 ? a->addr6 : 0);
	key.pid = s->pid;
	key.start = s->start;
	tw_record(h, &key);
	if (!key.passed)
		return TW_REFUSE;
	tw_remember(s, h, &q, verdict, now);
	return TW_PASS;
}

#endif
