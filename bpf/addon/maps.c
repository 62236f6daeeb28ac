/* SPDX-License-Identifier: MPL-2.0 */
/* Elements of maps: keys and values are Buffers of just the map's sizes. */
#define _GNU_SOURCE
#include "addon.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Values of per-CPU maps are one after another, each padded to 8 bytes. */
static size_t tw_value_size(const struct tw_map *map)
{
	if (map->type == BPF_MAP_TYPE_PERCPU_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_HASH)
		return (size_t)libbpf_num_possible_cpus() * ((map->value_size + 7) & ~7u);
	return map->value_size;
}

static struct tw_map *tw_map_arg(napi_env env, napi_value *argv)
{
	struct tw_engine *engine;
	struct tw_map *map;
	char name[64];

	if (tw_engine(env, argv[0], &engine) || tw_string(env, argv[1], name, sizeof(name)))
		return NULL;
	map = tw_find_map(engine, name);
	if (!map)
		tw_throw(env, ENOENT, name);
	return map;
}

/* mapUpdate(handle, map, key, value, flags) */
napi_value tw_map_update(napi_env env, napi_callback_info info)
{
	napi_value argv[5];
	struct tw_map *map;
	void *key, *value;
	uint32_t flags;

	if (tw_args(env, info, 5, argv) || !(map = tw_map_arg(env, argv)) ||
	    tw_sized(env, argv[2], &key, map->key_size) ||
	    tw_sized(env, argv[3], &value, tw_value_size(map)) || tw_uint32(env, argv[4], &flags))
		return NULL;
	if (bpf_map_update_elem(map->fd, key, value, flags))
		return tw_throw(env, errno, map->name);
	return tw_undefined(env);
}

/* mapLookup(handle, map, key, value) -> found; the value is written into the given Buffer */
napi_value tw_map_lookup(napi_env env, napi_callback_info info)
{
	napi_value argv[4], found;
	struct tw_map *map;
	void *key, *value;
	int err;

	if (tw_args(env, info, 4, argv) || !(map = tw_map_arg(env, argv)) ||
	    tw_sized(env, argv[2], &key, map->key_size) ||
	    tw_sized(env, argv[3], &value, tw_value_size(map)))
		return NULL;
	err = bpf_map_lookup_elem(map->fd, key, value);
	if (err && errno != ENOENT)
		return tw_throw(env, errno, map->name);
	napi_get_boolean(env, !err, &found);
	return found;
}

/* mapDelete(handle, map, key) -> was there */
napi_value tw_map_delete(napi_env env, napi_callback_info info)
{
	napi_value argv[3], found;
	struct tw_map *map;
	void *key;
	int err;

	if (tw_args(env, info, 3, argv) || !(map = tw_map_arg(env, argv)) ||
	    tw_sized(env, argv[2], &key, map->key_size))
		return NULL;
	err = bpf_map_delete_elem(map->fd, key);
	if (err && errno != ENOENT)
		return tw_throw(env, errno, map->name);
	napi_get_boolean(env, !err, &found);
	return found;
}

/*
 * mapKeys(handle, map) -> Buffer with all keys. A hash that changes meanwhile may start over, so the
 * walk is bounded by twice the map's size, and a key can stand there more than once.
 */
napi_value tw_map_keys(napi_env env, napi_callback_info info)
{
	napi_value argv[2], result = NULL;
	size_t count = 0, room = 64;
	struct tw_map *map;
	char *keys, *more;

	if (tw_args(env, info, 2, argv) || !(map = tw_map_arg(env, argv)))
		return NULL;
	keys = malloc(room * map->key_size);
	while (keys && count < 2 * (size_t)map->max_entries) {
		if (count == room) {
			room *= 2;
			more = realloc(keys, room * map->key_size);
			if (!more)
				break;
			keys = more;
		}
		if (bpf_map_get_next_key(map->fd, count ? keys + (count - 1) * map->key_size : NULL,
					 keys + count * map->key_size))
			break;
		count++;
	}
	if (!keys)
		return tw_throw(env, ENOMEM, map->name);
	napi_create_buffer_copy(env, count * map->key_size, keys, NULL, &result);
	free(keys);
	return result;
}

/* mapEntries(handle, map) -> how many elements it has room for */
napi_value tw_map_entries(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	struct tw_map *map;

	if (tw_args(env, info, 2, argv) || !(map = tw_map_arg(env, argv)))
		return NULL;
	return tw_number(env, map->max_entries);
}

/* mapValues(handle, map) -> Buffer with the values of all elements of an array, one after another */
napi_value tw_map_values(napi_env env, napi_callback_info info)
{
	napi_value argv[2], result = NULL;
	uint32_t count, batch = 0, *keys;
	struct tw_map *map;
	void *values;
	int err;

	if (tw_args(env, info, 2, argv) || !(map = tw_map_arg(env, argv)))
		return NULL;
	if (map->type != BPF_MAP_TYPE_ARRAY)
		return tw_throw(env, EINVAL, map->name);
	count = map->max_entries;
	keys = calloc(count, sizeof(*keys));
	if (!keys || napi_create_buffer(env, (size_t)count * map->value_size, &values, &result) != napi_ok) {
		free(keys);
		return tw_throw(env, ENOMEM, map->name);
	}
	err = bpf_map_lookup_batch(map->fd, NULL, &batch, keys, values, &count, NULL);
	free(keys);
	/* ENOENT: that was the last one. */
	if ((err && errno != ENOENT) || count != map->max_entries)
		return tw_throw(env, err ? errno : EIO, map->name);
	return result;
}

static int tw_map_memory(struct tw_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = ((size_t)map->max_entries * ((map->value_size + 7) & ~7u) + page - 1) & ~(page - 1);

	if (map->memory)
		return 0;
	map->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
	if (map->memory == MAP_FAILED) {
		map->memory = NULL;
		return errno;
	}
	map->memory_size = size;
	return 0;
}

/* mapStore(handle, map, index, value: bigint): one atomic store, after all that was written before. */
napi_value tw_map_store(napi_env env, napi_callback_info info)
{
	napi_value argv[4];
	struct tw_map *map;
	uint64_t value;
	uint32_t index;
	int err;

	if (tw_args(env, info, 4, argv) || !(map = tw_map_arg(env, argv)) ||
	    tw_uint32(env, argv[2], &index) || tw_uint64(env, argv[3], &value))
		return NULL;
	if (map->value_size != sizeof(value) || index >= map->max_entries)
		return tw_throw(env, EINVAL, map->name);
	err = tw_map_memory(map);
	if (err)
		return tw_throw(env, err, map->name);
	__atomic_store_n((uint64_t *)map->memory + index, value, __ATOMIC_SEQ_CST);
	return tw_undefined(env);
}

/* Whole words, in order, as the kernel's own update of such an element does it; the last one is filled up. */
static void tw_write_words(uint64_t *to, const unsigned char *from, size_t size)
{
	uint64_t word;

	for (; size; size -= size < sizeof(word) ? size : sizeof(word)) {
		word = 0;
		memcpy(&word, from, size < sizeof(word) ? size : sizeof(word));
		__atomic_store_n(to++, word, __ATOMIC_RELAXED);
		from += sizeof(word);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* mapWrite(handle, map, index, offset, bytes): into an element of a mappable array, without a system call */
napi_value tw_map_write(napi_env env, napi_callback_info info)
{
	uint32_t index, offset;
	size_t stride, size;
	napi_value argv[5];
	struct tw_map *map;
	char *memory;
	void *bytes;
	int err;

	if (tw_args(env, info, 5, argv) || !(map = tw_map_arg(env, argv)) ||
	    tw_uint32(env, argv[2], &index) || tw_uint32(env, argv[3], &offset) ||
	    tw_bytes(env, argv[4], &bytes, &size))
		return NULL;
	if (offset % sizeof(uint64_t) || offset > map->value_size || size > map->value_size - offset)
		return tw_throw(env, EINVAL, map->name);
	if (index >= map->max_entries)
		return tw_throw(env, E2BIG, map->name);
	err = tw_map_memory(map);
	if (err)
		return tw_throw(env, err, map->name);
	stride = (map->value_size + 7) & ~7u;
	memory = map->memory;
	tw_write_words((uint64_t *)(memory + stride * index + offset), bytes, size);
	return tw_undefined(env);
}
