/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The host's build of the engine as a Node-API addon. It has the functions of bpf/addon that the
 * differential test needs, with the same arguments, so that one test drives the kernel and this.
 */
#include "addon.h"
#include "native.h"
#include <errno.h>
#include <string.h>

static int tw_open;

static int tw_native_map_arg(napi_env env, napi_value value, struct tw_native_map **map)
{
	char name[64];

	if (tw_string(env, value, name, sizeof(name)))
		return -1;
	*map = tw_native_find(name);
	if (!*map || !(*map)->memory) {
		tw_throw(env, ENOENT, name);
		return -1;
	}
	return 0;
}

static void tw_close_maps(void)
{
	struct tw_native_map *map;

	for (map = tw_native_maps; map->name; map++)
		tw_native_close(map);
	tw_open = 0;
}

/* load(path, sizes, without) -> handle; there is one engine at a time, with the maps' own sizes. */
static napi_value tw_native_load(napi_env env, napi_callback_info info)
{
	struct tw_native_map *map;
	napi_value argv[3];
	int err;

	if (tw_args(env, info, 3, argv))
		return NULL;
	if (tw_open)
		return tw_throw(env, EBUSY, "the engine's build for this host");
	for (map = tw_native_maps; map->name; map++) {
		err = tw_native_open(map);
		if (err) {
			tw_close_maps();
			return tw_throw(env, err, map->name);
		}
	}
	tw_open = 1;
	return tw_undefined(env);
}

/* unload(handle) */
static napi_value tw_native_unload(napi_env env, napi_callback_info info)
{
	(void)info;
	tw_close_maps();
	return tw_undefined(env);
}

/* mapUpdate(handle, map, key, value, flags) */
static napi_value tw_native_map_update(napi_env env, napi_callback_info info)
{
	struct tw_native_map *map;
	napi_value argv[5];
	void *key, *value;
	uint32_t flags;
	int err;

	if (tw_args(env, info, 5, argv) || tw_native_map_arg(env, argv[1], &map) ||
	    tw_sized(env, argv[2], &key, map->key_size) ||
	    tw_sized(env, argv[3], &value, map->value_size) || tw_uint32(env, argv[4], &flags))
		return NULL;
	err = tw_native_update(map, key, value, flags);
	return err ? tw_throw(env, err, map->name) : tw_undefined(env);
}

/* mapLookup(handle, map, key, value) -> found */
static napi_value tw_native_map_lookup(napi_env env, napi_callback_info info)
{
	struct tw_native_map *map;
	napi_value argv[4], found;
	void *key, *value, *there;

	if (tw_args(env, info, 4, argv) || tw_native_map_arg(env, argv[1], &map) ||
	    tw_sized(env, argv[2], &key, map->key_size) ||
	    tw_sized(env, argv[3], &value, map->value_size))
		return NULL;
	there = tw_native_lookup(map, key);
	if (there)
		memcpy(value, there, map->value_size);
	napi_get_boolean(env, there != NULL, &found);
	return found;
}

/* mapDelete(handle, map, key) -> was there */
static napi_value tw_native_map_delete(napi_env env, napi_callback_info info)
{
	struct tw_native_map *map;
	napi_value argv[3], found;
	void *key;

	if (tw_args(env, info, 3, argv) || tw_native_map_arg(env, argv[1], &map) ||
	    tw_sized(env, argv[2], &key, map->key_size))
		return NULL;
	napi_get_boolean(env, !tw_native_delete(map, key), &found);
	return found;
}

/* mapEntries(handle, map) */
static napi_value tw_native_map_entries(napi_env env, napi_callback_info info)
{
	struct tw_native_map *map;
	napi_value argv[2];

	if (tw_args(env, info, 2, argv) || tw_native_map_arg(env, argv[1], &map))
		return NULL;
	return tw_number(env, map->entries);
}

/* mapStore(handle, map, index, value: bigint) */
static napi_value tw_native_map_store(napi_env env, napi_callback_info info)
{
	struct tw_native_map *map;
	napi_value argv[4];
	uint64_t value;
	uint32_t index;
	int err;

	if (tw_args(env, info, 4, argv) || tw_native_map_arg(env, argv[1], &map) ||
	    tw_uint32(env, argv[2], &index) || tw_uint64(env, argv[3], &value))
		return NULL;
	err = map->value_size == sizeof(value) ? tw_native_update(map, &index, &value, 0) : EINVAL;
	return err ? tw_throw(env, err, map->name) : tw_undefined(env);
}

/* testRun(handle, program, frame, repeat, ifindex) -> { result } */
static napi_value tw_native_test_run(napi_env env, napi_callback_info info)
{
	uint32_t repeat, ifindex, i;
	napi_value argv[5], result;
	int program, ran = 0;
	char name[64];
	void *frame;
	size_t size;

	if (tw_args(env, info, 5, argv) || tw_string(env, argv[1], name, sizeof(name)) ||
	    tw_bytes(env, argv[2], &frame, &size) || tw_uint32(env, argv[3], &repeat) ||
	    tw_uint32(env, argv[4], &ifindex))
		return NULL;
	program = tw_native_find_program(name);
	if (program < 0)
		return tw_throw(env, ENOENT, name);
	for (i = 0; i < repeat; i++)
		if (!tw_open || tw_native_run(program, frame, size, ifindex, &ran))
			return tw_throw(env, EINVAL, "the frame");
	napi_create_object(env, &result);
	tw_set(env, result, "result", tw_number(env, ran));
	return result;
}

/* branches() -> how often each branch was taken since the addon was loaded, by its name */
static napi_value tw_native_get_branches(napi_env env, napi_callback_info info)
{
	const char *const *texts;
	const uint64_t *counts;
	napi_value result;
	size_t i, all = tw_native_branches(&texts, &counts);

	(void)info;
	napi_create_object(env, &result);
	for (i = 0; i < all; i++)
		tw_set(env, result, texts[i], tw_number(env, (double)counts[i]));
	return result;
}

static const struct tw_export tw_exports[] = {
	{ "load", tw_native_load },
	{ "unload", tw_native_unload },
	{ "mapUpdate", tw_native_map_update },
	{ "mapLookup", tw_native_map_lookup },
	{ "mapDelete", tw_native_map_delete },
	{ "mapEntries", tw_native_map_entries },
	{ "mapStore", tw_native_map_store },
	{ "testRun", tw_native_test_run },
	{ "branches", tw_native_get_branches },
};

static napi_value tw_init(napi_env env, napi_value exports)
{
	return tw_export_all(env, exports, tw_exports, sizeof(tw_exports) / sizeof(tw_exports[0]));
}

NAPI_MODULE(verdict, tw_init)
