/* SPDX-License-Identifier: MPL-2.0 */
/*
 * For the differential test, the engine's own files run on what a test gives (given.h), and all that
 * came of it written down: the verdict alone, on a packet or an address; and the hooks of packets,
 * addresses and frames as they are, on a socket that remembers what was before.
 */
#include "given.h"

/* The hooks' own entries are no programs here: what they are given would not be a test's socket. */
#pragma push_macro("SEC")
#undef SEC
#define SEC(name)
#include "hooks/packet.c"
#include "hooks/address.c"
#include "hooks/backstop.c"
#pragma pop_macro("SEC")

struct tw_test_told {
	__u64 verdict;
	__u64 overflow;		/* refusals that were counted so far */
	__u64 allowed_overflow;	/* the same of what was allowed */
	struct tw_sock state;	/* what the socket remembers now */
	__u32 daddr;
	__u16 dport;
	__u8 proto;
	__u8 flags;
	__u32 passes;
	__u32 mark;
	__u32 ran;
	__u32 _pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tw_test_told);
} told SEC(".maps");

static __always_inline void tw_test_read_address(const struct tw_test_given *g, struct tw_query *q)
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

/* What is asked, of a packet or of an address. */
static __always_inline void tw_test_read(struct __sk_buff *skb, const struct tw_test_given *g,
					 struct tw_query *q)
{
	struct tw_packet p;

	if (g->ask == TW_TEST_PACKET) {
		tw_parse(skb, g->stream, &p);
		*q = p.q;
	} else {
		tw_test_read_address(g, q);
	}
	q->local = g->local;
	q->name = g->socket_name;
}

SEC("cgroup_skb/egress")
int tw_test_verdict(struct __sk_buff *skb)
{
	const struct tw_test_given *g = tw_test_given();
	__u32 zero = 0;
	struct tw_test_told *out = bpf_map_lookup_elem(&told, &zero);
	struct tw_held h;
	struct tw_query q;

	if (!g || !out || !tw_hold_slot(&h, 0))
		return TW_REFUSE;
	tw_test_read(skb, g, &q);
	out->verdict = tw_ask(h.target, h.word, &q, g->now);
	out->daddr = q.daddr;
	out->dport = (__u16)q.dport;
	out->proto = q.proto;
	out->flags = q.flags;
	out->passes = tw_passes(h.word, out->verdict);
	out->ran += 1;
	return TW_PASS;
}

static __always_inline void tw_test_tell(struct tw_test_told *out, const struct bpf_sock *sk, int passes)
{
	const struct tw_test_socket *s = (const void *)sk;
	__u32 zero = 0;
	const struct tw_account *a = bpf_map_lookup_elem(&accounts, &zero);

	__builtin_memset(&out->state, 0, sizeof(out->state));
	if (s && s->stored)
		out->state = s->state;
	if (a) {
		out->overflow = a->overflow;
		out->allowed_overflow = a->allowed_overflow;
	}
	out->passes = passes;
	out->ran += 1;
}

/* A function of its own: clang would share the address of the field, which the verifier refuses. */
TW_GLOBAL int tw_test_mark(struct __sk_buff *skb)
{
	return skb->mark;
}

/* What tw_egress and tw_egress_direct do; the socket is the test's and not that of BPF_PROG_TEST_RUN. */
static __always_inline int tw_test_packet_hook(struct __sk_buff *skb, int direct)
{
	const struct tw_test_given *g = tw_test_given();
	__u32 zero = 0;
	struct tw_test_told *out = bpf_map_lookup_elem(&told, &zero);
	struct bpf_sock *sk;
	int passes;

	if (!g || !out)
		return TW_REFUSE;
	sk = tw_test_socket(g->socket);
	passes = direct ? tw_packet_direct(skb, sk) :
			  tw_packet(skb, sk, sk ? bpf_sk_storage_get(&sockets, sk, 0, 0) : 0);
	out->mark = tw_test_mark(skb);
	tw_test_tell(out, sk, passes);
	return TW_PASS;
}

SEC("cgroup_skb/egress")
int tw_test_packet(struct __sk_buff *skb)
{
	return tw_test_packet_hook(skb, 0);
}

SEC("cgroup_skb/egress")
int tw_test_direct(struct __sk_buff *skb)
{
	return tw_test_packet_hook(skb, 1);
}

/* What tw_backstop does. */
SEC("tc")
int tw_test_frame(struct __sk_buff *skb)
{
	const struct tw_test_given *g = tw_test_given();
	__u32 zero = 0;
	struct tw_test_told *out = bpf_map_lookup_elem(&told, &zero);
	struct bpf_sock *sk;
	int passes;

	if (!g || !out)
		return TC_ACT_SHOT;
	sk = tw_test_socket(g->socket);
	passes = tw_at_uplink(skb, sk ? bpf_sk_storage_get(&sockets, sk, 0, 0) : 0) == TW_GO_ON;
	out->mark = 0;
	tw_test_tell(out, sk, passes);
	return TW_GO_ON;
}

/* What tw_connect4, tw_sendmsg6 and the like do. */
SEC("cgroup_skb/egress")
int tw_test_address(struct __sk_buff *skb)
{
	const struct tw_test_given *g = tw_test_given();
	__u32 zero = 0;
	struct tw_test_told *out = bpf_map_lookup_elem(&told, &zero);
	struct bpf_sock_addr ctx = {};
	int passes;

	(void)skb;
	if (!g || !out)
		return TW_REFUSE;
	ctx.sk = tw_test_socket(g->socket);
	if (!ctx.sk)
		return TW_REFUSE;
	ctx.type = ctx.sk->type;
	ctx.protocol = g->proto;
	ctx.user_port = g->port_be;
	ctx.user_ip4 = g->addr[3];
	ctx.user_ip6[0] = g->addr[0];
	ctx.user_ip6[1] = g->addr[1];
	ctx.user_ip6[2] = g->addr[2];
	ctx.user_ip6[3] = g->addr[3];
	passes = g->ask == TW_TEST_ADDRESS4 ? tw_address4(&ctx, g->hook) : tw_address6(&ctx, g->hook);
	out->daddr = bpf_ntohl(g->ask == TW_TEST_ADDRESS4 ? ctx.user_ip4 : ctx.user_ip6[3]);
	out->dport = bpf_ntohs((__u16)ctx.user_port);
	out->mark = 0;
	tw_test_tell(out, ctx.sk, passes);
	return TW_PASS;
}

char _license[] SEC("license") = "Dual MPL/GPL";
