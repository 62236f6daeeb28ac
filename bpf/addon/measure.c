/* SPDX-License-Identifier: MPL-2.0 */
/* Test runs, run-time statistics, and the layout of C structs as the compiler wrote it into BTF. */
#define _GNU_SOURCE
#include "addon.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int tw_program_fd(napi_env env, napi_value *argv)
{
	struct bpf_program *program;
	struct tw_engine *engine;
	char name[64];
	int fd;

	if (tw_engine(env, argv[0], &engine) || tw_string(env, argv[1], name, sizeof(name)))
		return -1;
	program = tw_program(engine, name);
	/* A program that was left out has none. */
	fd = program ? bpf_program__fd(program) : -1;
	if (fd < 0)
		tw_throw(env, ENOENT, name);
	return fd;
}

/*
 * testRun(handle, program, frame, repeat, ifindex) -> { result, nanoseconds }; frame starts at layer 2,
 * and the packet is on its way to that interface (0: loopback; others since 5.10).
 */
napi_value tw_test_run(napi_env env, napi_callback_info info)
{
	struct __sk_buff context = {};
	napi_value argv[5], result;
	uint32_t repeat;
	size_t size;
	void *frame;
	int fd;

	if (tw_args(env, info, 5, argv) || (fd = tw_program_fd(env, argv)) < 0 ||
	    tw_bytes(env, argv[2], &frame, &size) || tw_uint32(env, argv[3], &repeat) ||
	    tw_uint32(env, argv[4], &context.ifindex))
		return NULL;
	if (repeat > INT32_MAX)
		return tw_throw(env, EINVAL, "BPF_PROG_TEST_RUN");
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = (uint32_t)size,
		    .repeat = (int)repeat);
	if (context.ifindex) {
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
	}
	if (bpf_prog_test_run_opts(fd, &options))
		return tw_throw(env, errno, "BPF_PROG_TEST_RUN");
	napi_create_object(env, &result);
	tw_set(env, result, "result", tw_number(env, options.retval));
	tw_set(env, result, "nanoseconds", tw_number(env, options.duration));
	return result;
}

/* runStats(handle, program) -> { runs, nanoseconds }, both zero unless statistics are on */
napi_value tw_run_stats(napi_env env, napi_callback_info info)
{
	struct bpf_prog_info data = {};
	uint32_t size = sizeof(data);
	napi_value argv[2], result;
	int fd;

	if (tw_args(env, info, 2, argv) || (fd = tw_program_fd(env, argv)) < 0)
		return NULL;
	if (bpf_obj_get_info_by_fd(fd, &data, &size))
		return tw_throw(env, errno, "program statistics");
	napi_create_object(env, &result);
	tw_set(env, result, "runs", tw_number(env, (double)data.run_cnt));
	tw_set(env, result, "nanoseconds", tw_number(env, (double)data.run_time_ns));
	return result;
}

/* enableStats() -> fd; statistics are kept while it is open */
napi_value tw_enable_stats(napi_env env, napi_callback_info info)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	(void)info;
	return fd < 0 ? tw_throw(env, -fd, "enable statistics") : tw_number(env, fd);
}

static void tw_layout_fields(napi_env env, const struct btf *btf, const struct btf_type *type,
			     napi_value fields)
{
	const struct btf_member *member = btf_members(type);
	uint32_t i;

	for (i = 0; i < btf_vlen(type); i++, member++)
		tw_set(env, fields, btf__name_by_offset(btf, member->name_off),
		       tw_number(env, btf_member_bit_offset(type, i) / 8));
}

/* layout(path) -> { struct: { size, fields: { name: offset } } } for every struct tw_* of an object */
napi_value tw_layout(napi_env env, napi_callback_info info)
{
	napi_value argv[1], result, entry, fields;
	char path[4096];
	struct btf *btf;
	uint32_t id;

	if (tw_args(env, info, 1, argv) || tw_string(env, argv[0], path, sizeof(path)))
		return NULL;
	btf = btf__parse(path, NULL);
	if (!btf)
		return tw_throw(env, errno, path);
	napi_create_object(env, &result);
	for (id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, type->name_off);

		if (!btf_is_struct(type) || strncmp(name, "tw_", 3))
			continue;
		napi_create_object(env, &entry);
		napi_create_object(env, &fields);
		tw_layout_fields(env, btf, type, fields);
		tw_set(env, entry, "size", tw_number(env, type->size));
		tw_set(env, entry, "fields", fields);
		tw_set(env, result, name, entry);
	}
	btf__free(btf);
	return result;
}

/* processors() -> how many values a per-CPU map's element has */
napi_value tw_processors(napi_env env, napi_callback_info info)
{
	(void)info;
	return tw_number(env, libbpf_num_possible_cpus());
}
