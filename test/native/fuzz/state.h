/* SPDX-License-Identifier: MPL-2.0 */
/* A state of the engine's maps from the fuzzer's bytes: small, so that its parts meet each other. */
#ifndef TW_FUZZ_STATE_H
#define TW_FUZZ_STATE_H

#include "engine.c"

/* The input, read from its start; where it ends, zeros follow. */
struct tw_bytes {
	const uint8_t *at;
	size_t left;
};

static uint8_t tw_byte(struct tw_bytes *b)
{
	if (!b->left)
		return 0;
	b->left--;
	return *b->at++;
}

static uint32_t tw_word(struct tw_bytes *b)
{
	uint32_t word = tw_byte(b);

	word = word << 8 | tw_byte(b);
	word = word << 8 | tw_byte(b);
	return word << 8 | tw_byte(b);
}

#define TW_POOL 8
#define TW_FUZZ_NAMES 4
#define TW_FUZZ_LEARNED 16	/* elements of the table of learned addresses that are used */
#define TW_FUZZ_CGROUP 77
#define TW_FUZZ_UPLINK 2	/* the index of an interface; 3 leads to nested containers */

static uint32_t tw_pool[TW_POOL];
/* What is always denied and one that is not; the rest comes from the input. */
static const uint32_t tw_fixed[] = { 0x7f000001, 0xa9fea9fe, 0xe0000001, TW_PROBE_OF_PACKETS, 0xc6336408 };
#define TW_FIXED (sizeof(tw_fixed) / sizeof(tw_fixed[0]))
static const uint16_t tw_ports_pool[] = { 53, 853, 443, 80, 0, 65535, 15353, 8000 };

static uint32_t tw_pick_address(struct tw_bytes *b)
{
	return tw_pool[tw_byte(b) % TW_POOL];
}

static uint16_t tw_pick_port(struct tw_bytes *b)
{
	return tw_ports_pool[tw_byte(b) % 8];
}

/* An element of an array, and what a hash or trie is held in. */
#define TW_AT(map, index)                            \
	({                                           \
		uint32_t _index = (index);           \
		bpf_map_lookup_elem(&map, &_index);  \
	})
#define TW_LIST(map) (*(struct tw_native_map **)(void *)&map)

static void tw_fuzz_lines(struct tw_bytes *b, struct tw_lines *lines, uint32_t table)
{
	uint32_t i;

	memset(lines, 0, sizeof(*lines));
	lines->table = table;
	lines->count = tw_byte(b) % 4 ? tw_byte(b) % 4 : tw_byte(b) % (TW_MAX_LINES + 1);
	for (i = 0; i < lines->count; i++) {
		struct tw_line *line = &lines->line[i];
		uint8_t shape = tw_byte(b);

		line->from = shape & 1 ? 0 : tw_pick_port(b);
		line->to = shape & 1 ? 65535 : line->from;
		line->proto = shape & 2 ? 0 : shape & 4 ? IPPROTO_UDP : IPPROTO_TCP;
		line->deny = shape >> 3 & 1;
		line->rule = i + 1;
	}
}

/* Names, prefixes and flags under a new table. */
static void tw_fuzz_policy(struct tw_bytes *b, uint32_t table)
{
	struct tw_native_map *cidrs_map = TW_LIST(cidrs);
	uint64_t *word = TW_AT(policies, 0), flags = tw_byte(b) & TW_OBSERVE;
	uint32_t i, j, count;

	for (i = 1; i <= TW_FUZZ_NAMES; i++) {
		struct tw_name *name = TW_AT(names, i);

		/* A name may have no lines under this table, while those of the one before are there. */
		tw_fuzz_lines(b, &name->version[table & 1], tw_byte(b) % 4 ? table : table + 2);
	}
	cidrs_map->used = 0;
	count = tw_byte(b) % 4;
	for (i = 0; i < count; i++) {
		struct tw_cidr_key key = { .prefix = 32 + tw_byte(b) % 33, .table = table };
		struct tw_lines lines;

		key.addr_be = __builtin_bswap32(tw_pick_address(b));
		tw_fuzz_lines(b, &lines, table);
		for (j = 0; j < lines.count; j++)
			flags |= lines.line[j].deny ? TW_DENY_CIDR : 0;
		tw_native_update(cidrs_map, &key, &lines, 0);
	}
	*word = (uint64_t)table << 32 | flags;
}

static int tw_in_doh(uint32_t addr)
{
	return tw_native_lookup(TW_LIST(doh), &addr) != NULL;
}

/* As bpf/learned-table.ts writes it, with a hash that the input may make bad. */
static void tw_fuzz_learned(struct tw_bytes *b, uint32_t target, uint32_t now)
{
	struct tw_hashing *h = &tw_hashing;
	uint32_t i, j, at, count = tw_byte(b) % 6;

	memset(TW_AT(learned, 0), 0, TW_FUZZ_LEARNED * sizeof(struct tw_learned));
	h->mask = TW_FUZZ_LEARNED - 1;
	h->seed = tw_word(b);
	for (i = 0; i < count; i++) {
		uint32_t addr = tw_pick_address(b), names_here = 1 + tw_byte(b) % 3;
		uint64_t key = (uint64_t)target << 32 | addr;
		struct tw_learned *l = NULL;

		if (tw_in_doh(addr))
			continue;	/* agent/target never learns these */
		at = ((key ^ h->seed) * 0x9e3779b97f4a7c15ull) >> 32;
		for (j = 0; j < TW_PROBES; j++, at++) {
			l = TW_AT(learned, at & h->mask);
			if (!l->key || l->key == key)
				break;
		}
		memset(l, 0, sizeof(*l));
		l->key = key;
		for (j = 0; j < names_here; j++) {
			l->slot[j].name = 1 + tw_byte(b) % (TW_FUZZ_NAMES + 1);
			l->slot[j].expires = now + tw_byte(b) % 16;
		}
	}
}

static void tw_fuzz_state(struct tw_bytes *b, uint32_t now)
{
	struct tw_target *t = TW_AT(targets, 0);
	uint64_t id = TW_FUZZ_CGROUP, *mask = TW_AT(levels, 0);
	uint32_t i, slot = 0, uplink = TW_FUZZ_UPLINK, flags;

	for (i = 0; i < TW_POOL; i++)
		tw_pool[i] = i < TW_FIXED ? tw_fixed[i] : tw_word(b);
	TW_LIST(doh)->used = 0;
	TW_LIST(cgroups)->used = 0;
	TW_LIST(rows)->used = 0;
	TW_LIST(askers)->used = 0;
	TW_LIST(flows)->used = 0;
	TW_LIST(uplinks)->used = 0;
	if (tw_byte(b) & 1)
		tw_native_update(TW_LIST(doh), &tw_pool[TW_POOL - 1], &i, 0);
	*mask = 1 << TW_TEST_LEVEL;
	tw_native_update(TW_LIST(cgroups), &id, &slot, 0);
	flags = tw_byte(b);
	memset(TW_AT(accounts, 0), 0, sizeof(struct tw_account));
	memset(TW_AT(test_sockets, 0), 0, TW_TEST_SOCKETS * sizeof(struct tw_test_socket));
	*t = (struct tw_target){
		.cgroup_id = TW_FUZZ_CGROUP,
		.id = 5,
		.level = TW_TEST_LEVEL,
		.flags = (flags & (TW_OWN_NETNS | TW_REDIRECT)) |
			 (flags & TW_OWN_NETNS && flags & 64 ? TW_BACKSTOP : 0),
		.resolver_addr = flags & 4 ? 0x7f000035 : tw_pick_address(b),
		.resolver_port = flags & 8 ? 0 : tw_pick_port(b),
		.mark = 0x7e57,
		.row_budget = flags >> 4 & 3,
		.query_interval = tw_byte(b),
		.query_burst = 512,
		.uplink = { [TW_MAX_UPLINKS - 1] = TW_FUZZ_UPLINK },
	};
	tw_native_update(TW_LIST(uplinks), &uplink, &slot, 0);
	tw_fuzz_policy(b, 7);
	tw_fuzz_learned(b, t->id, now);
}

#endif
