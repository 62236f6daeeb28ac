/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Reads what the verdict asks of a packet. What cannot be read is malformed, and refused. Headers are
 * read directly; where a kernel shows none (BPF_PROG_TEST_RUN before 6.13), through a copy.
 */
#ifndef TW_PACKET_H
#define TW_PACKET_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "verdict.h"

#define TW_TCP_SYN 0x02
#define TW_TCP_ACK 0x10

struct tw_packet {
	struct tw_query q;
	__u32 saddr[4];		/* wire order; IPv4 in the last word */
	__u32 daddr[4];
	__u16 sport;
};

struct tw_ports {
	__be16 source;
	__be16 dest;
};

/* The first bytes of a TCP header; UDP has the ports alone in common. */
struct tw_transport {
	struct tw_ports ports;
	__u8 skipped[9];
	__u8 flags;
};

static __always_inline void tw_read_transport(struct tw_packet *p, const struct tw_ports *ports)
{
	p->sport = bpf_ntohs(ports->source);
	p->q.dport = bpf_ntohs(ports->dest);
}

/* Only the kernel's own TCP has connections; a raw socket's segment always opens something. */
static __always_inline int tw_is_fresh(int stream, __u8 proto, const struct tw_transport *th)
{
	return !stream || proto != IPPROTO_TCP ||
	       (th->flags & (TW_TCP_SYN | TW_TCP_ACK)) == TW_TCP_SYN;
}

static __always_inline void tw_parse_ports(struct __sk_buff *skb, int stream, struct tw_packet *p,
					   __u32 offset)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct tw_transport *th = data + offset;
	struct tw_transport copy;

	if (p->q.proto == IPPROTO_UDP) {
		if ((void *)(&th->ports + 1) <= end)
			tw_read_transport(p, &th->ports);
		else if (!bpf_skb_load_bytes(skb, offset, &copy.ports, sizeof(copy.ports)))
			tw_read_transport(p, &copy.ports);
		else
			p->q.flags |= TW_Q_MALFORMED;
		return;
	}
	if ((void *)(th + 1) > end) {
		if (bpf_skb_load_bytes(skb, offset, &copy, sizeof(copy))) {
			p->q.flags |= TW_Q_MALFORMED;
			return;
		}
		th = &copy;
	}
	tw_read_transport(p, &th->ports);
	if (!tw_is_fresh(stream, p->q.proto, th))
		p->q.flags &= ~TW_Q_FRESH;
}

static __always_inline void tw_parse_ipv4(struct __sk_buff *skb, int stream, struct tw_packet *p,
					  __u32 l3)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct iphdr *ip = data + l3;
	struct iphdr copy;

	if ((void *)(ip + 1) > end) {
		if (bpf_skb_load_bytes(skb, l3, &copy, sizeof(copy))) {
			p->q.flags |= TW_Q_MALFORMED;
			return;
		}
		ip = &copy;
	}
	p->saddr[3] = ip->saddr;
	p->daddr[3] = ip->daddr;
	p->q.daddr = bpf_ntohl(ip->daddr);
	p->q.proto = ip->protocol;
	/* Where the first byte of the header settles it, the ports need not be found. */
	if (ip->version != 4 || ip->ihl < 5)
		p->q.flags |= TW_Q_MALFORMED;
	else if (ip->ihl > 5)
		p->q.flags |= TW_Q_OPTIONS;
	else if (ip->frag_off & bpf_htons(0x1fff))
		p->q.flags |= TW_Q_FRAGMENT;
	else if (p->q.proto == IPPROTO_TCP || p->q.proto == IPPROTO_UDP)
		tw_parse_ports(skb, stream, p, l3 + sizeof(*ip));
}

/* IPv6 is refused but for loopback; what stands behind an extension header has no ports for us. */
static __always_inline void tw_parse_ipv6(struct __sk_buff *skb, int stream, struct tw_packet *p,
					  __u32 l3)
{
	struct ipv6hdr ip;

	p->q.flags |= TW_Q_IPV6;
	if (bpf_skb_load_bytes(skb, l3, &ip, sizeof(ip))) {
		p->q.flags |= TW_Q_MALFORMED;
		return;
	}
	__builtin_memcpy(p->saddr, &ip.saddr, 16);
	__builtin_memcpy(p->daddr, &ip.daddr, 16);
	p->q.proto = ip.nexthdr;
	if (p->q.proto == IPPROTO_TCP || p->q.proto == IPPROTO_UDP)
		tw_parse_ports(skb, stream, p, l3 + sizeof(ip));
}

/* stream: the socket is the kernel's own TCP; l3: where the IP header begins */
static __always_inline void tw_parse_at(struct __sk_buff *skb, int stream, struct tw_packet *p, __u32 l3)
{
	__builtin_memset(p, 0, sizeof(*p));
	p->q.flags = TW_Q_FRESH;
	p->q.hook = TW_HOOK_PACKET;
	/* skb->protocol is what the sender says; the packet itself decides below. */
	if (skb->protocol == bpf_htons(0x0800))
		tw_parse_ipv4(skb, stream, p, l3);
	else if (skb->protocol == bpf_htons(0x86dd))
		tw_parse_ipv6(skb, stream, p, l3);
	else
		p->q.flags |= TW_Q_MALFORMED;
}

/* As cgroup hooks have it: the packet begins with its IP header. */
static __always_inline void tw_parse(struct __sk_buff *skb, int stream, struct tw_packet *p)
{
	tw_parse_at(skb, stream, p, 0);
}

#endif
