/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The verdict alone, for the differential test: reads a packet or an address with the engine's own
 * headers, asks the engine's own verdict, and writes down all that it said. What a hook knows of a
 * socket, its namespace and the time comes from the test.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include "evidence.h"
#include "socket.h"
#include "packet.h"
#include "address.h"

struct tw_test_given {
	__u32 now;
	__u32 socket_name;
	__u32 addr[4];		/* as a hook gets it, wire order */
	__u16 port_be;
	__u8 proto;
	__u8 local;
	__u8 ask;		/* enum tw_test_ask */
	__u8 stream;		/* the packet is one of a TCP socket of the kernel's own */
	__u16 _pad;
};

enum tw_test_ask {
	TW_TEST_PACKET,
	TW_TEST_ADDRESS4,
	TW_TEST_ADDRESS6,
};

struct tw_test_told {
	__u64 verdict;
	__u32 daddr;
	__u16 dport;
	__u8 proto;
	__u8 flags;
	__u32 passes;
	__u32 ran;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tw_test_given);
} given SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tw_test_told);
} told SEC(".maps");

static __always_inline void tw_test_packet(struct __sk_buff *skb, const struct tw_test_given *g,
					   struct tw_query *q)
{
	struct tw_packet p;

	tw_parse(skb, g->stream, &p);
	*q = p.q;
}

static __always_inline void tw_test_address(const struct tw_test_given *g, struct tw_query *q)
{
	struct tw_address a;

	if (g->ask == TW_TEST_ADDRESS4)
		tw_set_address4(&a, g->addr[3], g->port_be);
	else
		tw_set_address6(&a, g->addr, g->port_be);
	__builtin_memset(q, 0, sizeof(*q));
	q->daddr = a.daddr;
	q->dport = a.port;
	q->proto = g->proto;
	q->flags = TW_Q_FRESH | (a.ipv6 ? TW_Q_IPV6 : 0);
}

SEC("cgroup_skb/egress")
int tw_test_verdict(struct __sk_buff *skb)
{
	__u32 zero = 0;
	const struct tw_test_given *g = bpf_map_lookup_elem(&given, &zero);
	struct tw_test_told *out = bpf_map_lookup_elem(&told, &zero);
	struct tw_held h;
	struct tw_query q;

	if (!g || !out || !tw_hold_slot(&h, 0))
		return TW_REFUSE;
	if (g->ask == TW_TEST_PACKET)
		tw_test_packet(skb, g, &q);
	else
		tw_test_address(g, &q);
	q.local = g->local;
	q.name = g->socket_name;
	out->verdict = tw_ask(h.target, h.word, &q, g->now);
	out->daddr = q.daddr;
	out->dport = (__u16)q.dport;
	out->proto = q.proto;
	out->flags = q.flags;
	out->passes = tw_passes(h.word, out->verdict);
	out->ran += 1;
	return TW_PASS;
}

char _license[] SEC("license") = "Dual MPL/GPL";
