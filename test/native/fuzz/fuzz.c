/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Fuzzes the packet hook (libFuzzer, address and undefined-behaviour sanitizers): the input is a state
 * of the maps, then packets of one socket, with time and edits of the policy between them. What must
 * hold for each packet, whatever it is:
 *
 * - nothing outside of it is read (packet.c poisons what lies around), and it is read alike whether its
 *   headers are shown in place or have to be copied;
 * - what passes is not always denied, and only what goes to the resolver gets the mark;
 * - the short way lets through only what the verdict allows;
 * - what is refused passes only where it does not lead out of the target, if a backstop stands there;
 *   what passes the backstop is not always denied either, and asked again it passes again;
 * - the hook that makes no call says what the one with a call says;
 * - asked again it is answered the same, and what a socket remembers decides as a verdict would, but for
 *   segments of open connections, which may pass more.
 */
#include <stdio.h>
#include <stdlib.h>
#include "fuzz/state.h"

#define TW_MUST(claim)                                                                   \
	do {                                                                             \
		if (!(claim)) {                                                          \
			fprintf(stderr, "does not hold: %s (%s:%d)\n", #claim, __FILE__, \
				__LINE__);                                               \
			abort();                                                         \
		}                                                                        \
	} while (0)

#define TW_SOCKET 1
#define TW_PLAIN 2	/* a socket of the same kind without a memory */
#define TW_PEER 3
#define TW_FUZZ_PACKETS 6

struct tw_input {
	uint8_t packet[TW_NATIVE_PACKET];
	size_t size;
	size_t linear;
	uint16_t protocol;
	uint32_t ifindex;
};

static uint32_t tw_tick;

static void tw_give(uint32_t socket, uint32_t peer)
{
	struct tw_test_given *g = TW_AT(given, 0);

	*g = (struct tw_test_given){
		.boot_ns = (uint64_t)tw_tick * 64,
		.cgroup = TW_FUZZ_CGROUP,
		.now = tw_tick,
		.socket = socket,
		.peer = peer,
	};
}

static struct tw_test_socket *tw_socket(uint32_t number)
{
	return TW_AT(test_sockets, number - 1);
}

/* A plausible packet to one of the pool, or bytes as they come. */
static void tw_read_packet(struct tw_bytes *b, struct tw_input *in)
{
	uint32_t resolver = bpf_htonl(((struct tw_target *)TW_AT(targets, 0))->resolver_addr);
	uint8_t shape = tw_byte(b), flags;

	memset(in, 0, sizeof(*in));
	in->protocol = shape & 1 ? bpf_htons(0x0800) : shape & 2 ? bpf_htons(0x86dd) : (uint16_t)tw_word(b);
	if (shape & 8) {
		in->size = tw_byte(b);
		if (in->size > b->left)
			in->size = b->left;
		memcpy(in->packet, b->at, in->size);
		b->at += in->size;
		b->left -= in->size;
	} else {
		uint32_t daddr = bpf_htonl(tw_pick_address(b));
		uint16_t dport = bpf_htons(tw_pick_port(b));

		in->protocol = bpf_htons(0x0800);
		flags = tw_byte(b);
		in->size = shape & 16 ? tw_byte(b) % 60 : 40;
		in->packet[0] = flags & 0x80 && flags & 0x40 ? tw_byte(b) : 0x45;
		in->packet[6] = flags & 0x20 && flags & 0x40 ? tw_byte(b) : 0x40;
		in->packet[9] = flags & 1 ? IPPROTO_UDP : flags & 8 && flags & 4 ? tw_byte(b) : IPPROTO_TCP;
		memcpy(in->packet + 16, &daddr, 4);
		memcpy(in->packet + 22, &dport, 2);
		in->packet[33] = flags & 2 ? TW_TCP_SYN : TW_TCP_ACK;
	}
	if (!in->size)
		in->size = 1;	/* the kernel hands on no packet without a byte */
	/*
	 * An address is always reached by the same kind of link, which a socket's memory counts on: odd ones
	 * are the namespace's own, and so is the resolver's.
	 */
	in->ifindex = in->packet[19] & 1 || !memcmp(in->packet + 16, &resolver, 4) ? 1 :
		      shape & 64						   ? 3 : TW_FUZZ_UPLINK;
	in->linear = shape & 32 ? tw_byte(b) % (in->size + 1) : in->size;
}

static void tw_show(struct __sk_buff *skb, const struct tw_input *in, size_t linear, uint32_t socket)
{
	memset(skb, 0, sizeof(*skb));
	skb->protocol = in->protocol;
	skb->ifindex = in->ifindex;
	skb->sk = &tw_socket(socket)->sk;
	TW_MUST(!tw_native_packet(skb, in->packet, in->size, linear, 0));
}

static int tw_send(const struct tw_input *in, uint32_t socket, uint32_t peer, struct __sk_buff *skb)
{
	tw_give(socket, peer);
	tw_show(skb, in, in->linear, socket);
	return tw_egress(skb);
}

/* The same packet by the hook that makes no call, of a socket as it was before. */
static int tw_send_direct(const struct tw_input *in, const struct tw_test_socket *before, uint32_t peer,
			  struct __sk_buff *skb)
{
	struct tw_test_socket *sock = tw_socket(TW_SOCKET), now = *sock;
	int result;

	*sock = *before;
	tw_give(TW_SOCKET, peer);
	tw_show(skb, in, in->linear, TW_SOCKET);
	result = tw_egress_direct(skb);
	*sock = now;
	return result;
}

static void tw_check_parse(const struct tw_input *in, int stream)
{
	struct tw_packet whole, part;
	struct __sk_buff skb;

	tw_show(&skb, in, in->size, TW_SOCKET);
	tw_parse(&skb, stream, &whole);
	tw_show(&skb, in, in->linear, TW_SOCKET);
	tw_parse(&skb, stream, &part);
	TW_MUST(!memcmp(&whole, &part, sizeof(whole)));
}

/* What the verdict says to this packet now, of a socket without a memory. */
static uint64_t tw_verdict_of(const struct tw_input *in, struct tw_packet *p, struct tw_held *h, int stream)
{
	struct __sk_buff skb;

	tw_show(&skb, in, in->linear, TW_PLAIN);
	tw_parse(&skb, stream, p);
	TW_MUST(tw_hold_slot(h, 0));
	if (skb.ifindex == 1)
		p->q.local = tw_local_peer(&skb, h, p);
	if (tw_is_own_resolver(&skb, h, p))
		return TW_VERDICT(TW_RESOLVER, 0, 0, 0);
	return tw_ask(h->target, h->word, &p->q, tw_tick);
}

static void tw_check_short_way(const struct tw_input *in, uint64_t verdict)
{
	struct tw_sock copy = tw_socket(TW_SOCKET)->state;
	struct __sk_buff skb;
	struct tw_plain p;
	__u64 opened;

	copy.proto = 0;	/* it remembers no verdict */
	tw_show(&skb, in, in->linear, TW_SOCKET);
	if (tw_socket(TW_SOCKET)->stored && tw_short_way(&skb, &copy, &p, &opened)) {
		TW_MUST(TW_V_REASON(verdict) == TW_NAME || TW_V_REASON(verdict) == TW_RESOLVER);
		TW_MUST(opened >> 32 > tw_tick);
	}
}

/* The same packet where it leaves, by a link of the target's; of this socket, or of none. */
static void tw_check_frame(const struct tw_input *in, uint32_t socket)
{
	uint8_t frame[TW_ETHERNET + TW_NATIVE_PACKET] = {};
	struct tw_test_socket *sock = socket ? tw_socket(socket) : NULL;
	const struct tw_sock *s = sock && sock->stored ? &sock->state : NULL;
	struct tw_packet p;
	struct __sk_buff skb = { .protocol = in->protocol, .ifindex = TW_FUZZ_UPLINK };
	int result;

	if (in->size + TW_ETHERNET > TW_NATIVE_PACKET)
		return;
	memcpy(frame + TW_ETHERNET, in->packet, in->size);
	TW_MUST(!tw_native_packet(&skb, frame, in->size + TW_ETHERNET, in->linear + TW_ETHERNET,
				  TW_ETHERNET));
	tw_give(socket, 0);
	result = tw_at_uplink(&skb, s);
	TW_MUST(result == TW_GO_ON || result == TC_ACT_SHOT);
	TW_MUST(tw_at_uplink(&skb, s) == result);
	if (result == TC_ACT_SHOT || in->protocol == bpf_htons(ETH_P_ARP))
		return;
	TW_MUST(in->protocol == bpf_htons(ETH_P_IP));
	tw_parse_at(&skb, 1, &p, ETH_HLEN);
	TW_MUST(!tw_always_denied(p.q.daddr, TW_SERVICE(p.q.proto, p.q.dport), p.q.flags));
}

static void tw_check_packet(const struct tw_input *in, uint32_t peer)
{
	struct tw_test_socket *sock = tw_socket(TW_SOCKET), *plain = tw_socket(TW_PLAIN);
	int stream = tw_is_stream(sock->sk.type, sock->sk.protocol), passes, expected;
	struct tw_test_socket was = *sock;
	struct tw_sock before;
	struct __sk_buff skb;
	struct tw_packet p;
	struct tw_held h;
	uint64_t verdict;
	uint8_t reason;

	tw_give(TW_SOCKET, peer);
	tw_check_parse(in, stream);
	verdict = tw_verdict_of(in, &p, &h, stream);
	reason = TW_V_REASON(verdict);
	TW_MUST((reason > TW_NONE && reason < TW_DNS_BUDGET) || reason == TW_PROBE);
	TW_MUST(reason != TW_NAME || TW_V_LEFT(verdict) > 0);
	tw_check_short_way(in, verdict);
	tw_check_frame(in, TW_SOCKET);
	tw_check_frame(in, 0);
	before = sock->state;
	passes = tw_send(in, TW_SOCKET, peer, &skb);
	TW_MUST(passes == TW_PASS || passes == TW_REFUSE);
	if (tw_is_nested_query(&h, verdict))
		return;	/* by its budget as well, and without a mark */
	if (!tw_allows(verdict) && tw_is_inner(&skb, &h)) {
		TW_MUST(passes && !skb.mark);
		return;
	}
	TW_MUST(skb.mark == (passes && reason == TW_RESOLVER ? h.target->mark : 0));
	if (passes && reason != TW_LOCAL && reason != TW_RESOLVER)
		TW_MUST(!tw_always_denied(p.q.daddr, TW_SERVICE(p.q.proto, p.q.dport), p.q.flags));
	if (!passes && sock->stored && before.target == sock->state.target)
		TW_MUST(!memcmp(&before, &sock->state, sizeof(before)) || !before.target);
	if (reason == TW_RESOLVER)
		return;	/* by its budget, which the next question changes */
	TW_MUST(tw_send(in, TW_SOCKET, peer, &skb) == passes);
	TW_MUST(tw_send_direct(in, &was, peer, &skb) == passes);
	plain->stored = 0;
	expected = tw_send(in, TW_PLAIN, peer, &skb);
	TW_MUST(expected == tw_passes(h.word, verdict));
	if (p.q.flags & TW_Q_FRESH)
		TW_MUST(passes == expected);
	else
		TW_MUST(passes >= expected);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct tw_native_map *map;

	(void)argc;
	(void)argv;
	for (map = tw_native_maps; map->name; map++)
		TW_MUST(!tw_native_open(map));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct { uint32_t type, protocol; } kinds[] = { { 1, 6 }, { 2, 17 }, { 3, 255 } };
	struct tw_bytes bytes = { data, size };
	struct tw_input in;
	uint32_t i, kind, table = 7;

	tw_tick = 1000;
	tw_fuzz_state(&bytes, tw_tick);
	kind = tw_byte(&bytes) % 3;
	for (i = TW_SOCKET; i <= TW_PLAIN; i++) {
		tw_socket(i)->sk.type = kinds[kind].type;
		tw_socket(i)->sk.protocol = kinds[kind].protocol;
	}
	tw_socket(TW_PEER)->cgroup = tw_byte(&bytes) & 1 ? TW_FUZZ_CGROUP : 1;
	for (i = 0; i < TW_FUZZ_PACKETS && bytes.left; i++) {
		uint8_t between = tw_byte(&bytes);

		if (between & 1)
			tw_tick += tw_byte(&bytes) % 8;
		if ((between & 14) == 2)
			tw_fuzz_policy(&bytes, ++table);
		if (i == 0 || !(between & 16))
			tw_read_packet(&bytes, &in);
		tw_check_packet(&in, between & 32 ? TW_PEER : 0);
	}
	return 0;
}
