/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The engine compiled for this host: its maps in plain memory, and a packet where its programs can read
 * it. The addon (addon.c) and the fuzzer (fuzz.c) stand on this.
 */
#ifndef TW_NATIVE_H
#define TW_NATIVE_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A map of bpf/maps.h: definition and storage. Arrays lie one value after another; everything else is a
 * list that is searched from its start, because what is compared with should be obvious.
 */
struct tw_native_map {
	const char *name;
	void *definition;	/* the variable of bpf/maps.h; its first member points back here */
	uint32_t type;
	uint32_t key_size;
	uint32_t value_size;
	uint32_t entries;
	uint32_t used;
	int variable;		/* a variable of the programs: its memory is there from the start */
	unsigned char *memory;
};

#define TW_NATIVE_MAP(map)                                                                 \
	{                                                                                  \
		.name = #map, .definition = &map, .type = sizeof(*map.type) / sizeof(int), \
		.key_size = sizeof(*map.key), .value_size = sizeof(*map.value),            \
		.entries = sizeof(*map.max_entries) / sizeof(int),                         \
	}

#define TW_NATIVE_DATA(section, data)                                                       \
	{                                                                                  \
		.name = section, .type = BPF_MAP_TYPE_ARRAY, .key_size = sizeof(uint32_t), \
		.value_size = sizeof(data), .entries = 1, .variable = 1,                   \
		.memory = (unsigned char *)&data,                                          \
	}

/* engine.c: every map, ended by one without a name. */
extern struct tw_native_map tw_native_maps[];
/* engine.c: the number of a program of test/kernel/verdict.bpf.c; -1 if there is none of that name. */
int tw_native_find_program(const char *name);
/* engine.c: runs it on an Ethernet frame; returns 0 or an errno. */
int tw_native_run(int program, const void *frame, size_t size, uint32_t ifindex, int *result);

/* engine.c: how often each branch was taken, with its name; gives their number. */
size_t tw_native_branches(const char *const **texts, const uint64_t **counts);

/* maps.c; sizes can be changed until a map is opened. Each returns 0 or an errno. */
int tw_native_open(struct tw_native_map *map);
void tw_native_close(struct tw_native_map *map);
struct tw_native_map *tw_native_find(const char *name);
void *tw_native_lookup(struct tw_native_map *map, const void *key);
int tw_native_update(struct tw_native_map *map, const void *key, const void *value, uint64_t flags);
int tw_native_delete(struct tw_native_map *map, const void *key);

/* packet.c */
#define TW_NATIVE_PACKET 2048	/* bytes of the largest packet */
#define TW_ETHERNET 14

/*
 * Puts a packet where a 32-bit pointer reaches it. `linear` bytes are shown in place; the IP header begins
 * at `l3`, which is 0, or TW_ETHERNET for a whole frame.
 */
int tw_native_packet(struct __sk_buff *skb, const void *packet, size_t size, size_t linear, size_t l3);
/* The same from an Ethernet frame, as BPF_PROG_TEST_RUN takes it; `whole`: its header is shown as well. */
int tw_native_frame(struct __sk_buff *skb, const void *frame, size_t size, uint32_t ifindex, int whole);

#endif
