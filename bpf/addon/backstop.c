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

/* Ours is known by this handle, and stands at the first priority: it must see what others let pass. */
#define TW_TC_HANDLE 0x7477
#define TW_TC_PRIORITY 1

/* attachBackstop(engine, program, ifindex): attaches, or takes the place of the one before */
napi_value tw_attach_backstop(napi_env env, napi_callback_info info)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TW_TC_HANDLE, .priority = TW_TC_PRIORITY,
			    .flags = BPF_TC_F_REPLACE);
	struct bpf_program *program;
	struct tw_engine *engine;
	uint32_t ifindex;
	napi_value argv[3];
	char name[64];
	int err;

	if (tw_args(env, info, 3, argv) || tw_engine(env, argv[0], &engine) ||
	    tw_string(env, argv[1], name, sizeof(name)) || tw_uint32(env, argv[2], &ifindex))
		return NULL;
	program = tw_program(engine, name);
	if (!program)
		return tw_throw(env, ENOENT, name);
	hook.ifindex = (int)ifindex;
	opts.prog_fd = bpf_program__fd(program);
	err = bpf_tc_hook_create(&hook);
	if (err && err != -EEXIST)
		return tw_throw(env, -err, "clsact");
	err = bpf_tc_attach(&hook, &opts);
	if (err)
		return tw_throw(env, -err, name);
	return tw_undefined(env);
}
