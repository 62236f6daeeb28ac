/* SPDX-License-Identifier: MPL-2.0 */
/* Loads a BPF object, without programs that the caller leaves out, and finds what is in it. */
#define _GNU_SOURCE
#include "addon.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What libbpf last complained about; the tail tells why the verifier said no. */
static char tw_log[4096];
static pthread_mutex_t tw_log_lock = PTHREAD_MUTEX_INITIALIZER;

static int tw_print(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[1024];
	size_t used, length;

	if (level > LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	pthread_mutex_lock(&tw_log_lock);
	used = strlen(tw_log);
	length = strlen(line);
	if (used + length >= sizeof(tw_log)) {	/* keep the newer half */
		memmove(tw_log, tw_log + sizeof(tw_log) / 2, sizeof(tw_log) / 2);
		used = strlen(tw_log);
	}
	memcpy(tw_log + used, line, length + 1);
	pthread_mutex_unlock(&tw_log_lock);
	return 0;
}

static void tw_engine_close(struct tw_engine *engine)
{
	size_t i;

	for (i = 0; i < engine->map_count; i++) {
		if (engine->maps[i].memory)
			munmap(engine->maps[i].memory, engine->maps[i].memory_size);
		if (engine->pinned) {
			close(engine->maps[i].fd);
			free((char *)engine->maps[i].name);
		}
	}
	engine->map_count = 0;
	bpf_object__close(engine->object);
	engine->object = NULL;
}

void tw_engine_free(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	tw_engine_close(data);
	free(data);
}

int tw_engine(napi_env env, napi_value value, struct tw_engine **out)
{
	void *data = NULL;

	if (tw_unhandle(env, value, &tw_engine_tag, &data))
		return -1;
	*out = data;
	return 0;
}

struct bpf_program *tw_program(struct tw_engine *engine, const char *name)
{
	return engine->object ? bpf_object__find_program_by_name(engine->object, name) : NULL;
}

struct tw_map *tw_find_map(struct tw_engine *engine, const char *name)
{
	size_t i;

	for (i = 0; i < engine->map_count; i++)
		if (!strcmp(engine->maps[i].name, name))
			return &engine->maps[i];
	return NULL;
}

static int tw_set_sizes(napi_env env, struct bpf_object *object, napi_value sizes)
{
	struct bpf_map *map;
	napi_valuetype type;
	napi_value value;
	uint32_t entries;

	bpf_object__for_each_map(map, object) {
		if (tw_property(env, sizes, bpf_map__name(map), &value) ||
		    napi_typeof(env, value, &type) != napi_ok)
			return -1;
		if (type == napi_undefined)
			continue;
		if (tw_uint32(env, value, &entries))
			return -1;
		bpf_map__set_max_entries(map, entries);
	}
	return 0;
}

/*
 * Every map is pinned into this folder, or is the one that is pinned there already. libbpf compares the
 * two, and takes back what it pinned itself when the load fails. An empty folder: no map is pinned.
 */
static int tw_pin_maps(napi_env env, struct bpf_object *object, napi_value folder)
{
	char path[4096], pin[4096 + 64];
	struct bpf_map *map;
	int err;

	if (tw_string(env, folder, path, sizeof(path)))
		return -1;
	bpf_object__for_each_map(map, object) {
		if (!*path || bpf_map__is_internal(map))
			continue;
		snprintf(pin, sizeof(pin), "%s/%s", path, bpf_map__name(map));
		err = bpf_map__set_pin_path(map, pin);
		if (err) {
			tw_throw(env, -err, pin);
			return -1;
		}
	}
	return 0;
}

static int tw_leave_out(napi_env env, struct bpf_object *object, napi_value names)
{
	struct bpf_program *program;
	uint32_t count = 0, i;
	napi_value item;
	char name[64];

	if (napi_get_array_length(env, names, &count) != napi_ok) {
		tw_throw_text(env, "EINVAL", "a list of programs is needed");
		return -1;
	}
	for (i = 0; i < count; i++) {
		if (napi_get_element(env, names, i, &item) != napi_ok ||
		    tw_string(env, item, name, sizeof(name)))
			return -1;
		program = bpf_object__find_program_by_name(object, name);
		if (program)
			bpf_program__set_autoload(program, false);
	}
	return 0;
}

/*
 * Hooks of Linux 6.7 that older versions of libbpf do not know by their section, nor older headers by
 * their number (enum bpf_attach_type).
 */
static void tw_type_programs(struct bpf_object *object)
{
	static const struct {
		const char *section;
		int attach;
	} hooks[] = {
		{ "cgroup/connect_unix", 49 },
		{ "cgroup/sendmsg_unix", 50 },
	};
	struct bpf_program *program;
	size_t i;

	bpf_object__for_each_program(program, object)
		for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
			if (strcmp(bpf_program__section_name(program), hooks[i].section))
				continue;
			bpf_program__set_type(program, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
			bpf_program__set_expected_attach_type(program,
							      (enum bpf_attach_type)hooks[i].attach);
		}
}

static void tw_collect_maps(struct tw_engine *engine)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, engine->object) {
		if (engine->map_count == TW_MAX_ENGINE_MAPS)
			return;
		engine->maps[engine->map_count++] = (struct tw_map){
			.name = bpf_map__name(map),
			.fd = bpf_map__fd(map),
			.type = bpf_map__type(map),
			.key_size = bpf_map__key_size(map),
			.value_size = bpf_map__value_size(map),
			.max_entries = bpf_map__max_entries(map),
		};
	}
}

/* An Error with the end of the log, where the verifier says why. */
static napi_value tw_refusal(napi_env env, int error)
{
	const char *name = strerrorname_np(error);
	napi_value code, message, result = NULL;
	size_t length;

	pthread_mutex_lock(&tw_log_lock);
	length = strlen(tw_log);
	napi_create_string_utf8(env, length > 1500 ? tw_log + length - 1500 : tw_log, NAPI_AUTO_LENGTH,
				&message);
	pthread_mutex_unlock(&tw_log_lock);
	napi_create_string_utf8(env, name ? name : "EIO", NAPI_AUTO_LENGTH, &code);
	napi_create_error(env, code, message, &result);
	return result;
}

static napi_value tw_loaded(napi_env env, struct bpf_object *object)
{
	struct tw_engine *engine = calloc(1, sizeof(*engine));

	if (!engine) {
		bpf_object__close(object);
		return tw_throw(env, ENOMEM, "load");
	}
	engine->object = object;
	tw_collect_maps(engine);
	return tw_handle(env, engine, &tw_engine_tag, tw_engine_free);
}

/* A load under way: the object is prepared, the kernel verifies it on another thread. */
struct tw_loading {
	struct tw_job job;
	struct bpf_object *object;
};

static void tw_load_run(struct tw_job *job)
{
	struct tw_loading *loading = (void *)job;

	job->err = bpf_object__load(loading->object);
}

static napi_value tw_load_settle(napi_env env, struct tw_job *job)
{
	struct tw_loading *loading = (void *)job;

	if (!job->err)
		return tw_loaded(env, loading->object);
	bpf_object__close(loading->object);
	napi_throw(env, tw_refusal(env, -job->err));
	return NULL;
}

/* Takes over the object, also when it fails. */
static napi_value tw_load_on_thread(napi_env env, struct bpf_object *object)
{
	struct tw_loading *loading = calloc(1, sizeof(*loading));

	if (!loading) {
		bpf_object__close(object);
		return tw_throw(env, ENOMEM, "load");
	}
	loading->job.run = tw_load_run;
	loading->job.settle = tw_load_settle;
	loading->object = object;
	return tw_later(env, &loading->job, "torwacht.load");
}

/* Opened, with its sizes and without what is left out; NULL with an exception pending. */
static struct bpf_object *tw_prepare(napi_env env, napi_callback_info info)
{
	napi_value argv[4];
	struct bpf_object *object;
	char path[4096];

	if (tw_args(env, info, 4, argv) || tw_string(env, argv[0], path, sizeof(path)))
		return NULL;
	libbpf_set_print(tw_print);
	pthread_mutex_lock(&tw_log_lock);
	tw_log[0] = 0;
	pthread_mutex_unlock(&tw_log_lock);
	object = bpf_object__open_file(path, NULL);
	if (!object) {
		tw_throw(env, errno, path);
		return NULL;
	}
	tw_type_programs(object);
	if (tw_set_sizes(env, object, argv[1]) || tw_leave_out(env, object, argv[2]) ||
	    tw_pin_maps(env, object, argv[3])) {
		bpf_object__close(object);
		return NULL;
	}
	return object;
}

/* load(path, sizes: Record<map, entries>, without: program[], pins: folder or "") -> handle */
napi_value tw_load(napi_env env, napi_callback_info info)
{
	struct bpf_object *object = tw_prepare(env, info);
	int err;

	if (!object)
		return NULL;
	err = bpf_object__load(object);
	if (!err)
		return tw_loaded(env, object);
	bpf_object__close(object);
	napi_throw(env, tw_refusal(env, -err));
	return NULL;
}

/* loadLater(path, sizes, without, pins) -> Promise of a handle; the verifier runs on another thread */
napi_value tw_load_later(napi_env env, napi_callback_info info)
{
	struct bpf_object *object = tw_prepare(env, info);

	return object ? tw_load_on_thread(env, object) : NULL;
}

/* unload(handle): closes programs and maps now; what is attached by a pinned link stays. */
napi_value tw_unload(napi_env env, napi_callback_info info)
{
	struct tw_engine *engine;
	napi_value argv[1];

	if (tw_args(env, info, 1, argv) || tw_engine(env, argv[0], &engine))
		return NULL;
	tw_engine_close(engine);
	return tw_undefined(env);
}
