/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Maps that a process before us pinned, perhaps one of another build: the kernel keeps the types of their
 * keys and values (BTF), so what they hold can be read by the names of fields.
 */
#define _GNU_SOURCE
#include "addon.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Structs in structs; ours are two deep. */
#define TW_MAX_DEPTH 8

static int tw_add_pinned(struct tw_engine *engine, const char *path)
{
	struct tw_map *map = &engine->maps[engine->map_count];
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	int fd, err;

	if (engine->map_count == TW_MAX_ENGINE_MAPS)
		return -E2BIG;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
		err = -errno;
		close(fd);
		return err;
	}
	*map = (struct tw_map){
		.name = strdup(strrchr(path, '/') + 1),
		.fd = fd,
		.type = info.type,
		.key_size = info.key_size,
		.value_size = info.value_size,
		.max_entries = info.max_entries,
	};
	if (!map->name) {
		close(fd);
		return -ENOMEM;
	}
	engine->map_count++;
	return 0;
}

/* openPinned(folder, names: string[]) -> handle of these maps; it holds no program */
napi_value tw_open_pinned(napi_env env, napi_callback_info info)
{
	char folder[4096], path[4096 + 80], name[64];
	struct tw_engine *engine;
	napi_value argv[2], item, handle;
	uint32_t count = 0, i;
	int err;

	if (tw_args(env, info, 2, argv) || tw_string(env, argv[0], folder, sizeof(folder)))
		return NULL;
	if (napi_get_array_length(env, argv[1], &count) != napi_ok)
		return tw_throw_text(env, "EINVAL", "a list of maps is needed");
	engine = calloc(1, sizeof(*engine));
	if (!engine)
		return tw_throw(env, ENOMEM, folder);
	engine->pinned = 1;
	handle = tw_handle(env, engine, &tw_engine_tag, tw_engine_free);
	for (i = 0; handle && i < count; i++) {
		if (napi_get_element(env, argv[1], i, &item) != napi_ok ||
		    tw_string(env, item, name, sizeof(name)))
			return NULL;
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		err = tw_add_pinned(engine, path);
		if (err)
			return tw_throw(env, -err, path);
	}
	return handle;
}

static napi_value tw_shape(napi_env env, const struct btf *btf, uint32_t id, int depth);

static napi_value tw_field(napi_env env, const struct btf *btf, const struct btf_type *of, uint32_t index,
			   int depth)
{
	const struct btf_member *member = btf_members(of) + index;
	int id = btf__resolve_type(btf, member->type);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
	uint32_t count = 1;
	napi_value field;

	if (type && btf_is_array(type)) {
		count = btf_array(type)->nelems;
		id = (int)btf_array(type)->type;
	}
	field = tw_shape(env, btf, (uint32_t)id, depth + 1);
	tw_set(env, field, "offset", tw_number(env, btf_member_bit_offset(of, index) / 8));
	tw_set(env, field, "count", tw_number(env, count));
	return field;
}

/* { size, fields?: { name: { offset, count, size, fields? } } }; size is that of one element */
static napi_value tw_shape(napi_env env, const struct btf *btf, uint32_t id, int depth)
{
	int resolved = btf__resolve_type(btf, id);
	const struct btf_type *type = resolved < 0 ? NULL : btf__type_by_id(btf, (uint32_t)resolved);
	napi_value shape, fields;
	uint32_t i;

	napi_create_object(env, &shape);
	if (!type)
		return shape;
	tw_set(env, shape, "size", tw_number(env, (double)btf__resolve_size(btf, (uint32_t)resolved)));
	if (!btf_is_struct(type) || depth == TW_MAX_DEPTH)
		return shape;
	napi_create_object(env, &fields);
	for (i = 0; i < btf_vlen(type); i++)
		tw_set(env, fields, btf__name_by_offset(btf, btf_members(type)[i].name_off),
		       tw_field(env, btf, type, i, depth));
	tw_set(env, shape, "fields", fields);
	return shape;
}

static napi_value tw_map_shape(napi_env env, const struct tw_map *map)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	napi_value result;
	struct btf *btf;

	if (bpf_obj_get_info_by_fd(map->fd, &info, &size))
		return tw_throw(env, errno, map->name);
	napi_create_object(env, &result);
	/* A map without types, such as a ring buffer. */
	if (!info.btf_id)
		return result;
	btf = btf__load_from_kernel_by_id(info.btf_id);
	if (!btf)
		return tw_throw(env, errno, map->name);
	tw_set(env, result, "key", tw_shape(env, btf, info.btf_key_type_id, 0));
	tw_set(env, result, "value", tw_shape(env, btf, info.btf_value_type_id, 0));
	btf__free(btf);
	return result;
}

/* mapShapes(handle) -> { map: { key?, value? } } as the kernel knows them */
napi_value tw_map_shapes(napi_env env, napi_callback_info info)
{
	napi_value argv[1], result, shape;
	struct tw_engine *engine;
	size_t i;

	if (tw_args(env, info, 1, argv) || tw_engine(env, argv[0], &engine))
		return NULL;
	napi_create_object(env, &result);
	for (i = 0; i < engine->map_count; i++) {
		shape = tw_map_shape(env, &engine->maps[i]);
		if (!shape)
			return NULL;
		tw_set(env, result, engine->maps[i].name, shape);
	}
	return result;
}

/* mapDefinitions(path) -> { map: [type, key size, value size, entries, flags] } of an object's maps */
napi_value tw_map_definitions(napi_env env, napi_callback_info info)
{
	napi_value argv[1], result, list;
	struct bpf_object *object;
	struct bpf_map *map;
	char path[4096];
	size_t i;

	if (tw_args(env, info, 1, argv) || tw_string(env, argv[0], path, sizeof(path)))
		return NULL;
	object = bpf_object__open_file(path, NULL);
	if (!object)
		return tw_throw(env, errno, path);
	napi_create_object(env, &result);
	bpf_object__for_each_map(map, object) {
		const double numbers[] = {
			bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
			bpf_map__max_entries(map), bpf_map__map_flags(map),
		};

		napi_create_array(env, &list);
		for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			napi_set_element(env, list, (uint32_t)i, tw_number(env, numbers[i]));
		tw_set(env, result, bpf_map__name(map), list);
	}
	bpf_object__close(object);
	return result;
}
