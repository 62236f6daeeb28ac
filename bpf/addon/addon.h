/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The Node-API addon: libbpf for one engine, and the few system calls that Node lacks. Its typed face
 * is bpf/native.ts. Every function throws a JavaScript Error whose `code` is the errno's name.
 */
#ifndef TW_ADDON_H
#define TW_ADDON_H

#include <node_api.h>
#include <stddef.h>
#include <stdint.h>

#define TW_MAX_ENGINE_MAPS 32

struct bpf_object;
struct bpf_program;

struct tw_map {
	const char *name;	/* owned by its object, or by a `pinned` engine */
	int fd;			/* the same */
	uint32_t type;
	uint32_t key_size;
	uint32_t value_size;
	uint32_t max_entries;
	void *memory;		/* mmap of an array map, made at the first store */
	size_t memory_size;
};

/* A loaded object, or maps that another process pinned; JavaScript owns it through an external value. */
struct tw_engine {
	struct bpf_object *object;	/* NULL after unload, and where there are maps alone */
	int pinned;			/* the maps' names and descriptors are ours */
	struct tw_map maps[TW_MAX_ENGINE_MAPS];
	size_t map_count;
};

/* values.c: between JavaScript and C. Each returns 0, or -1 with an exception pending. */
int tw_args(napi_env env, napi_callback_info info, size_t count, napi_value *argv);
int tw_string(napi_env env, napi_value value, char *out, size_t size);
int tw_uint32(napi_env env, napi_value value, uint32_t *out);
int tw_uint64(napi_env env, napi_value value, uint64_t *out);
int tw_bytes(napi_env env, napi_value value, void **data, size_t *size);
/* The same, of just this size. */
int tw_sized(napi_env env, napi_value value, void **data, size_t size);
int tw_property(napi_env env, napi_value object, const char *name, napi_value *out);
napi_value tw_undefined(napi_env env);
napi_value tw_number(napi_env env, double value);
napi_value tw_throw(napi_env env, int error, const char *what);
napi_value tw_throw_text(napi_env env, const char *code, const char *message);
void tw_set(napi_env env, napi_value object, const char *name, napi_value value);

struct tw_export {
	const char *name;
	napi_callback function;
};
/* What an addon's init gives: `exports` with the functions in it, or NULL. */
napi_value tw_export_all(napi_env env, napi_value exports, const struct tw_export *list, size_t count);

/*
 * A handle is an external value with the tag of its kind, so that none can be taken for another. The
 * data is freed by `finalize` when JavaScript lets go of it, also where this fails.
 */
extern const napi_type_tag tw_engine_tag, tw_link_tag, tw_ring_tag, tw_datagrams_tag,
	tw_host_links_tag;
napi_value tw_handle(napi_env env, void *data, const napi_type_tag *tag, napi_finalize finalize);
int tw_unhandle(napi_env env, napi_value value, const napi_type_tag *tag, void **out);

/*
 * later.c: work on another thread. `run` may not touch JavaScript; `settle` is called on our thread, also when `run`
 * was not, gives the result or NULL with an exception pending, and lets go of all that the job holds but its memory.
 */
struct tw_job {
	void (*run)(struct tw_job *job);
	napi_value (*settle)(napi_env env, struct tw_job *job);
	int err;		/* 0, or -errno */
	napi_async_work work;
	napi_deferred deferred;
};

/* A promise; the job, from malloc, is taken over in any case. */
napi_value tw_later(napi_env env, struct tw_job *job, const char *name);

/* engine.c */
int tw_engine(napi_env env, napi_value value, struct tw_engine **out);
void tw_engine_free(napi_env env, void *data, void *hint);
struct bpf_program *tw_program(struct tw_engine *engine, const char *name);
struct tw_map *tw_find_map(struct tw_engine *engine, const char *name);
napi_value tw_load(napi_env env, napi_callback_info info);
napi_value tw_load_later(napi_env env, napi_callback_info info);
napi_value tw_unload(napi_env env, napi_callback_info info);

/* maps.c */
napi_value tw_map_update(napi_env env, napi_callback_info info);
napi_value tw_map_lookup(napi_env env, napi_callback_info info);
napi_value tw_map_delete(napi_env env, napi_callback_info info);
napi_value tw_map_keys(napi_env env, napi_callback_info info);
napi_value tw_map_entries(napi_env env, napi_callback_info info);
napi_value tw_map_store(napi_env env, napi_callback_info info);
napi_value tw_map_write(napi_env env, napi_callback_info info);
napi_value tw_map_values(napi_env env, napi_callback_info info);

/* pinned.c */
napi_value tw_open_pinned(napi_env env, napi_callback_info info);
napi_value tw_map_shapes(napi_env env, napi_callback_info info);
napi_value tw_map_definitions(napi_env env, napi_callback_info info);

/* descriptors.c */
napi_value tw_descriptor_of(napi_env env, napi_callback_info info);
napi_value tw_exchange(napi_env env, napi_callback_info info);

/* links.c */
napi_value tw_attach_cgroup(napi_env env, napi_callback_info info);
napi_value tw_attach_trace(napi_env env, napi_callback_info info);
napi_value tw_detach(napi_env env, napi_callback_info info);

/* ring.c */
napi_value tw_ring_open(napi_env env, napi_callback_info info);
napi_value tw_ring_close(napi_env env, napi_callback_info info);

/* datagrams.c */
napi_value tw_datagrams_open(napi_env env, napi_callback_info info);
napi_value tw_datagrams_send(napi_env env, napi_callback_info info);
napi_value tw_datagrams_close(napi_env env, napi_callback_info info);

/* measure.c */
napi_value tw_test_run(napi_env env, napi_callback_info info);
napi_value tw_run_stats(napi_env env, napi_callback_info info);
napi_value tw_enable_stats(napi_env env, napi_callback_info info);
napi_value tw_layout(napi_env env, napi_callback_info info);
napi_value tw_processors(napi_env env, napi_callback_info info);

/* sockets.c */
napi_value tw_open_socket(napi_env env, napi_callback_info info);
napi_value tw_connect_socket(napi_env env, napi_callback_info info);
napi_value tw_socket_name(napi_env env, napi_callback_info info);
napi_value tw_listener_of(napi_env env, napi_callback_info info);
napi_value tw_receive_room(napi_env env, napi_callback_info info);

/* interfaces.c */
napi_value tw_list_interfaces(napi_env env, napi_callback_info info);
napi_value tw_host_links(napi_env env, napi_callback_info info);
napi_value tw_own_interface(napi_env env, napi_callback_info info);

/* conntrack.c */
napi_value tw_forget_flows(napi_env env, napi_callback_info info);

/* nftables.c */
napi_value tw_netfilter_batch(napi_env env, napi_callback_info info);

/* backstop.c */
napi_value tw_attach_backstop(napi_env env, napi_callback_info info);

/* system.c */
napi_value tw_boot_time(napi_env env, napi_callback_info info);
napi_value tw_release_memory(napi_env env, napi_callback_info info);
napi_value tw_jiffy(napi_env env, napi_callback_info info);
napi_value tw_lock(napi_env env, napi_callback_info info);
napi_value tw_open_as(napi_env env, napi_callback_info info);
napi_value tw_close(napi_env env, napi_callback_info info);

/* seccomp.c */
napi_value tw_seccomp_program(napi_env env, napi_callback_info info);

#endif
