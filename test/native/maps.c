/* SPDX-License-Identifier: MPL-2.0 */
/* Maps in plain memory, and the helpers on them. */
#include "native.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf_helpers.h>

static int tw_is_array(const struct tw_native_map *map)
{
	return map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* Values begin at multiples of eight, as in the kernel. */
static size_t tw_rounded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static size_t tw_element(const struct tw_native_map *map)
{
	return tw_rounded(map->value_size) + (tw_is_array(map) ? 0 : tw_rounded(map->key_size));
}

int tw_native_open(struct tw_native_map *map)
{
	if (map->variable) {
		memset(map->memory, 0, map->value_size);
		return 0;
	}
	/* The list of a trie or a hash grows no further than tests need; arrays are as large as they are. */
	map->memory = calloc(map->entries, tw_element(map));
	if (!map->memory)
		return ENOMEM;
	map->used = 0;
	*(void **)map->definition = map;
	return 0;
}

void tw_native_close(struct tw_native_map *map)
{
	if (map->variable)
		return;
	free(map->memory);
	map->memory = NULL;
	map->used = 0;
}

struct tw_native_map *tw_native_find(const char *name)
{
	struct tw_native_map *map;

	for (map = tw_native_maps; map->name; map++)
		if (!strcmp(map->name, name))
			return map;
	return NULL;
}

static unsigned char *tw_key_at(const struct tw_native_map *map, uint32_t i)
{
	return map->memory + i * tw_element(map);
}

static void *tw_value_at(const struct tw_native_map *map, uint32_t i)
{
	return tw_key_at(map, i) + (tw_is_array(map) ? 0 : tw_rounded(map->key_size));
}

/* Do the first bits agree? They are counted from the first byte's highest bit (kernel/bpf/lpm_trie.c). */
static int tw_same_bits(const unsigned char *a, const unsigned char *b, uint32_t bits)
{
	uint32_t i;

	for (i = 0; i < bits; i++)
		if ((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1)
			return 0;
	return 1;
}

/* A key of a trie: how many bits count, then the bits. */
static uint32_t tw_prefix(const void *key)
{
	uint32_t prefix;

	memcpy(&prefix, key, sizeof(prefix));
	return prefix;
}

static int64_t tw_find_exactly(const struct tw_native_map *map, const void *key)
{
	uint32_t i, trie = map->type == BPF_MAP_TYPE_LPM_TRIE;

	for (i = 0; i < map->used; i++) {
		const unsigned char *there = tw_key_at(map, i);

		if (trie ? tw_prefix(there) == tw_prefix(key) &&
				   tw_same_bits(there + 4, (const unsigned char *)key + 4, tw_prefix(key)) :
			   !memcmp(there, key, map->key_size))
			return i;
	}
	return -1;
}

static int64_t tw_find_longest(const struct tw_native_map *map, const void *key)
{
	int64_t best = -1;
	uint32_t i;

	for (i = 0; i < map->used; i++) {
		const unsigned char *there = tw_key_at(map, i);
		uint32_t prefix = tw_prefix(there);

		if (prefix <= tw_prefix(key) && (best < 0 || prefix > tw_prefix(tw_key_at(map, best))) &&
		    tw_same_bits(there + 4, (const unsigned char *)key + 4, prefix))
			best = i;
	}
	return best;
}

static int64_t tw_index(const struct tw_native_map *map, const void *key)
{
	uint32_t index = tw_prefix(key);	/* an array's key is a number as well */

	return index < map->entries ? (int64_t)index : -1;
}

void *tw_native_lookup(struct tw_native_map *map, const void *key)
{
	int64_t found = tw_is_array(map) ? tw_index(map, key) :
			map->type == BPF_MAP_TYPE_LPM_TRIE ? tw_find_longest(map, key) :
							     tw_find_exactly(map, key);

	return found < 0 ? NULL : tw_value_at(map, (uint32_t)found);
}

int tw_native_update(struct tw_native_map *map, const void *key, const void *value, uint64_t flags)
{
	int64_t found = tw_is_array(map) ? tw_index(map, key) : tw_find_exactly(map, key);

	if (found < 0 && tw_is_array(map))
		return E2BIG;
	if (found >= 0 && flags == BPF_NOEXIST)
		return EEXIST;
	if (found < 0) {
		if (map->used == map->entries)
			return E2BIG;
		found = map->used++;
		memcpy(tw_key_at(map, (uint32_t)found), key, map->key_size);
	}
	memcpy(tw_value_at(map, (uint32_t)found), value, map->value_size);
	return 0;
}

int tw_native_delete(struct tw_native_map *map, const void *key)
{
	int64_t found = tw_is_array(map) ? -1 : tw_find_exactly(map, key);

	if (found < 0)
		return ENOENT;
	map->used--;
	memcpy(tw_key_at(map, (uint32_t)found), tw_key_at(map, map->used), tw_element(map));
	return 0;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	return tw_native_lookup(*(struct tw_native_map **)map, key);
}

long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	return -tw_native_update(*(struct tw_native_map **)map, key, value, flags);
}

long bpf_map_delete_elem(void *map, const void *key)
{
	return -tw_native_delete(*(struct tw_native_map **)map, key);
}

/* The ring buffer: one record at a time, which nobody reads. */
static _Alignas(8) unsigned char tw_record_memory[4096];

void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags)
{
	(void)ring;
	(void)flags;
	return size <= sizeof(tw_record_memory) ? tw_record_memory : NULL;
}

void bpf_ringbuf_submit(void *record, __u64 flags)
{
	(void)record;
	(void)flags;
}
