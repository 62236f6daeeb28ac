/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The program on the machine's end of a pod's link. It stays when we are gone, and goes with the link.
 * Filters of others at the same place are neither replaced nor reordered.
 */
#define _GNU_SOURCE
#include "addon.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Ours is known by this handle, and stands at the first priority: it must see what others let pass. */
#define TW_TC_HANDLE 0x7477
#define TW_TC_PRIORITY 1

struct tw_standing {
	struct tw_job job;
	int program;		/* a descriptor of the job's own: the engine may be gone by then */
	int ifindex;
	const char *step;
};

static void tw_stand(struct tw_job *job)
{
	struct tw_standing *standing = (void *)job;
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS,
			    .ifindex = standing->ifindex);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TW_TC_HANDLE, .priority = TW_TC_PRIORITY,
			    .flags = BPF_TC_F_REPLACE, .prog_fd = standing->program);

	standing->step = "clsact";
	job->err = bpf_tc_hook_create(&hook);
	if (job->err && job->err != -EEXIST)
		return;
	standing->step = "backstop";
	job->err = bpf_tc_attach(&hook, &opts);
}

static napi_value tw_stood(napi_env env, struct tw_job *job)
{
	struct tw_standing *standing = (void *)job;

	close(standing->program);
	return job->err ? tw_throw(env, -job->err, standing->step) : tw_undefined(env);
}

/* attachBackstop(engine, program, ifindex) -> promise: attaches, or takes the place of the one before */
napi_value tw_attach_backstop(napi_env env, napi_callback_info info)
{
	struct tw_standing *standing;
	struct bpf_program *program;
	struct tw_engine *engine;
	uint32_t ifindex;
	napi_value argv[3];
	char name[64];

	if (tw_args(env, info, 3, argv) || tw_engine(env, argv[0], &engine) ||
	    tw_string(env, argv[1], name, sizeof(name)) || tw_uint32(env, argv[2], &ifindex))
		return NULL;
	program = tw_program(engine, name);
	if (!program)
		return tw_throw(env, ENOENT, name);
	standing = calloc(1, sizeof(*standing));
	if (!standing)
		return tw_throw(env, ENOMEM, name);
	standing->job.run = tw_stand;
	standing->job.settle = tw_stood;
	standing->step = "backstop";
	standing->ifindex = (int)ifindex;
	standing->program = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);
	if (standing->program < 0) {
		free(standing);
		return tw_throw(env, errno, name);
	}
	return tw_later(env, &standing->job, "torwacht.backstop");
}
