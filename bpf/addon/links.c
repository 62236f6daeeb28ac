/* SPDX-License-Identifier: MPL-2.0 */
/* Attaches programs. A pinned link keeps its program attached after this process is gone. */
#define _GNU_SOURCE
#include "addon.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
static int tw_swap(int link, int program)
{
	int before = tw_program_behind(link), err;

	if (before < 0)
		return before;
	DECLARE_LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE,
			    .old_prog_fd = (uint32_t)before);
	err = bpf_link_update(link, program, &opts) ? -errno : 0;
	close(before);
	return err;
}

/*
 * A link that is pinned there already gets this program in the place of its own, at once for every packet.
 * 0: done. 1: there is none, or its cgroup is gone and the pin with it. Negative: errno.
 */
static int tw_replace(int program, const char *pin_path)
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

struct tw_attaching {
	struct tw_job job;
	int program;		/* a descriptor of the job's own: the engine may be gone by then */
	enum bpf_attach_type type;
	const char *step;
	char name[64], cgroup[4096], pin[4096];
};

/* A new link, pinned; undone if the pin fails. Its descriptor is closed: the pin keeps it attached. */
static int tw_link(struct tw_attaching *attaching)
{
	int cgroup, link, err;

	attaching->step = attaching->cgroup;
	cgroup = open(attaching->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		return -errno;
	attaching->step = attaching->name;
	link = bpf_link_create(attaching->program, cgroup, attaching->type, NULL);
	err = link < 0 ? -errno : 0;
	close(cgroup);
	if (err)
		return err;
	attaching->step = attaching->pin;
	err = bpf_obj_pin(link, attaching->pin) ? -errno : 0;
	close(link);
	return err;
}

static void tw_attach(struct tw_job *job)
{
	struct tw_attaching *attaching = (void *)job;

	attaching->step = attaching->pin;
	job->err = tw_replace(attaching->program, attaching->pin);
	if (job->err > 0)
		job->err = tw_link(attaching);
}

static napi_value tw_attached(napi_env env, struct tw_job *job)
{
	struct tw_attaching *attaching = (void *)job;

	close(attaching->program);
	return job->err ? tw_throw(env, -job->err, attaching->step) : tw_undefined(env);
}

/*
 * attachCgroup(handle, program, cgroupPath, pinPath) -> promise: attaches and pins, or takes over the link that is
 * pinned there
 */
napi_value tw_attach_cgroup(napi_env env, napi_callback_info info)
{
	struct tw_attaching *attaching;
	struct bpf_program *program;
	napi_value argv[4];

	if (tw_args(env, info, 4, argv) || !(program = tw_program_arg(env, argv)))
		return NULL;
	attaching = calloc(1, sizeof(*attaching));
	if (!attaching)
		return tw_throw(env, ENOMEM, bpf_program__name(program));
	attaching->job.run = tw_attach;
	attaching->job.settle = tw_attached;
	attaching->step = attaching->name;
	attaching->type = bpf_program__expected_attach_type(program);
	snprintf(attaching->name, sizeof(attaching->name), "%s", bpf_program__name(program));
	if (tw_string(env, argv[2], attaching->cgroup, sizeof(attaching->cgroup)) ||
	    tw_string(env, argv[3], attaching->pin, sizeof(attaching->pin))) {
		free(attaching);
		return NULL;
	}
	attaching->program = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);
	if (attaching->program < 0) {
		free(attaching);
		return tw_throw(env, errno, bpf_program__name(program));
	}
	return tw_later(env, &attaching->job, "torwacht.attach");
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
