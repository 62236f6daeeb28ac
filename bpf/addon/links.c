/* SPDX-License-Identifier: MPL-2.0 */
/* Attaches programs. A pinned link keeps its program attached after this process is gone. */
#define _GNU_SOURCE
#include "addon.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* An attached tracepoint; `link` is NULL once it is detached. */
struct tw_trace {
	struct bpf_link *link;
};

/* A trace stays attached when its handle is forgotten: that must not depend on the garbage collector. */
static void tw_trace_free(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	free(data);
}

static struct bpf_program *tw_program_arg(napi_env env, napi_value *argv)
{
	struct bpf_program *program;
	struct tw_engine *engine;
	char name[64];

	if (tw_engine(env, argv[0], &engine) || tw_string(env, argv[1], name, sizeof(name)))
		return NULL;
	program = tw_program(engine, name);
	if (!program)
		tw_throw(env, ENOENT, name);
	return program;
}

/* The program behind a link: a descriptor, or -errno. */
static int tw_program_behind(int link)
{
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);
	int program;

	if (bpf_obj_get_info_by_fd(link, &info, &size))
		return -errno;
	program = bpf_prog_get_fd_by_id(info.prog_id);
	return program < 0 ? -errno : program;
}

/*
 * Compare and swap: the new program takes the place of the one that was seen there, or of none. Two agents
 * that take over at once do not undo each other unseen: the slower one gets EPERM.
 */
static int tw_swap(int link, const struct bpf_program *program)
{
	int before = tw_program_behind(link), err;

	if (before < 0)
		return before;
	DECLARE_LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE,
			    .old_prog_fd = (uint32_t)before);
	err = bpf_link_update(link, bpf_program__fd(program), &opts) ? -errno : 0;
	close(before);
	return err;
}

/*
 * A link that is pinned there already gets this program in the place of its own, at once for every packet.
 * 0: done. 1: there is none, or its cgroup is gone and the pin with it. Negative: errno.
 */
static int tw_replace(const struct bpf_program *program, const char *pin_path)
{
	int link = bpf_obj_get(pin_path), err;

	if (link < 0)
		return errno == ENOENT ? 1 : -errno;
	err = tw_swap(link, program);
	close(link);
	if (err == -ENOLINK)
		return unlink(pin_path) ? -errno : 1;
	return err;
}

/*
 * attachCgroup(handle, program, cgroupPath, pinPath): attaches and pins, or takes over the link that is
 * pinned there; undone if the pin fails.
 */
napi_value tw_attach_cgroup(napi_env env, napi_callback_info info)
{
	char cgroup_path[4096], pin_path[4096];
	struct bpf_program *program;
	struct bpf_link *link;
	napi_value argv[4];
	int cgroup, err;

	if (tw_args(env, info, 4, argv) || !(program = tw_program_arg(env, argv)) ||
	    tw_string(env, argv[2], cgroup_path, sizeof(cgroup_path)) ||
	    tw_string(env, argv[3], pin_path, sizeof(pin_path)))
		return NULL;
	err = tw_replace(program, pin_path);
	if (err < 0)
		return tw_throw(env, -err, pin_path);
	if (!err)
		return tw_undefined(env);
	cgroup = open(cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		return tw_throw(env, errno, cgroup_path);
	link = bpf_program__attach_cgroup(program, cgroup);
	err = link ? 0 : errno;
	close(cgroup);
	if (!link)
		return tw_throw(env, err, bpf_program__name(program));
	err = bpf_link__pin(link, pin_path);
	if (err) {
		bpf_link__destroy(link);
		return tw_throw(env, -err, pin_path);
	}
	/* Its descriptor is closed; the pin keeps it attached. */
	bpf_link__destroy(link);
	return tw_undefined(env);
}

/* attachTrace(handle, program) -> link; it lives as long as this process or until detach(link). */
napi_value tw_attach_trace(napi_env env, napi_callback_info info)
{
	struct bpf_program *program;
	struct tw_trace *trace;
	napi_value argv[2];
	int err;

	if (tw_args(env, info, 2, argv) || !(program = tw_program_arg(env, argv)))
		return NULL;
	trace = calloc(1, sizeof(*trace));
	if (!trace)
		return tw_throw(env, ENOMEM, bpf_program__name(program));
	trace->link = bpf_program__attach(program);
	if (!trace->link) {
		err = errno;
		free(trace);
		return tw_throw(env, err, bpf_program__name(program));
	}
	return tw_handle(env, trace, &tw_link_tag, tw_trace_free);
}

/* detach(link); doing it twice is fine */
napi_value tw_detach(napi_env env, napi_callback_info info)
{
	struct tw_trace *trace;
	napi_value argv[1];
	void *data = NULL;

	if (tw_args(env, info, 1, argv) || tw_unhandle(env, argv[0], &tw_link_tag, &data))
		return NULL;
	trace = data;
	bpf_link__destroy(trace->link);
	trace->link = NULL;
	return tw_undefined(env);
}
