/* SPDX-License-Identifier: MPL-2.0 */
/* The engine's programs and maps, from the same files as build/bpf/verdict.bpf.o. */
#include "native.h"
#include <string.h>
#include "branches.h"

/* Sockets have their storage in test_sockets (given.h), and events are read by nobody. */
struct tw_native_map tw_native_maps[] = {
	TW_NATIVE_MAP(levels),
	TW_NATIVE_MAP(cgroups),
	TW_NATIVE_MAP(targets),
	TW_NATIVE_MAP(policies),
	TW_NATIVE_MAP(accounts),
	TW_NATIVE_MAP(names),
	TW_NATIVE_MAP(cidrs),
	TW_NATIVE_MAP(learned),
	TW_NATIVE_DATA(".data.hashing", tw_hashing),
	TW_NATIVE_MAP(doh),
	TW_NATIVE_MAP(uplinks),
	TW_NATIVE_MAP(flows),
	TW_NATIVE_MAP(processes),
	TW_NATIVE_MAP(askers),
	TW_NATIVE_MAP(rows),
	TW_NATIVE_MAP(counters),
	TW_NATIVE_MAP(blank),
	TW_NATIVE_MAP(given),
	TW_NATIVE_MAP(test_sockets),
	TW_NATIVE_MAP(told),
	{},
};

/* Each program once, with the branches counted that it takes. */
static int tw_run_verdict(struct __sk_buff *skb)
{
	const struct tw_test_given *g = tw_test_given();
	struct tw_held h;
	struct tw_query q;

	if (tw_hold_slot(&h, 0)) {
		tw_test_read(skb, g, &q);
		if (TW_V_REASON(tw_branches_of_query(&h, &q, g->now)) == TW_RESOLVER)
			tw_took_reason(TW_RESOLVER);
	}
	return tw_test_verdict(skb);
}

static int tw_run_packet_hook(struct __sk_buff *skb, int (*hook)(struct __sk_buff *skb), int direct)
{
	int to_resolver = tw_branches_of_packet(skb, tw_test_given(), direct);
	int result = hook(skb);

	if (to_resolver)
		tw_took_reason(skb->mark ? TW_RESOLVER : TW_DNS_BUDGET);
	return result;
}

static int tw_run_packet(struct __sk_buff *skb)
{
	return tw_run_packet_hook(skb, tw_test_packet, 0);
}

static int tw_run_direct(struct __sk_buff *skb)
{
	return tw_run_packet_hook(skb, tw_test_direct, 1);
}

static int tw_run_address(struct __sk_buff *skb)
{
	tw_branches_of_address(tw_test_given());
	return tw_test_address(skb);
}

static int tw_run_frame(struct __sk_buff *skb)
{
	static struct bpf_sock some;

	skb->sk = &some;	/* every frame has a socket in BPF_PROG_TEST_RUN */
	tw_branches_of_frame(skb, tw_test_given());
	return tw_test_frame(skb);
}

static const struct {
	const char *name;
	int (*run)(struct __sk_buff *skb);
	int frames;	/* sees the Ethernet header, as tc does */
} tw_programs[] = {
	{ "tw_test_verdict", tw_run_verdict, 0 },
	{ "tw_test_packet", tw_run_packet, 0 },
	{ "tw_test_direct", tw_run_direct, 0 },
	{ "tw_test_address", tw_run_address, 0 },
	{ "tw_test_frame", tw_run_frame, 1 },
};

int tw_native_find_program(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(tw_programs) / sizeof(tw_programs[0]); i++)
		if (!strcmp(tw_programs[i].name, name))
			return (int)i;
	return -1;
}

int tw_native_run(int program, const void *frame, size_t size, uint32_t ifindex, int *result)
{
	struct __sk_buff skb;
	int err = tw_native_frame(&skb, frame, size, ifindex, tw_programs[program].frames);

	if (!err)
		*result = tw_programs[program].run(&skb);
	return err;
}

size_t tw_native_branches(const char *const **texts, const uint64_t **counts)
{
	*texts = tw_branch_texts;
	*counts = (const uint64_t *)tw_branch_counts;
	return TW_BRANCHES;
}
