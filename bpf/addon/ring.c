/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The ring buffer on libuv's loop: one call into JavaScript per wake-up with all records in one
 * Buffer, each preceded by its size in 32 bits, native order.
 */
#define _GNU_SOURCE
#include "addon.h"
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct tw_ring {
	uv_poll_t poll;		/* first: uv gives it back by this address */
	napi_env env;
	napi_ref callback;
	napi_async_context context;
	napi_async_cleanup_hook_handle cleanup;
	int owners;		/* the handle in JavaScript, and uv until it has closed */
	struct ring_buffer *buffer;
	char *data;
	size_t size;
	size_t room;
	int closed;
};

static int tw_ring_record(void *opaque, void *data, size_t size)
{
	struct tw_ring *ring = opaque;
	size_t need = ring->size + sizeof(uint32_t) + size;
	uint32_t length = (uint32_t)size;
	char *more;

	if (need > ring->room) {
		more = realloc(ring->data, need * 2);
		if (!more)
			return -ENOMEM;
		ring->data = more;
		ring->room = need * 2;
	}
	memcpy(ring->data + ring->size, &length, sizeof(length));
	memcpy(ring->data + ring->size + sizeof(length), data, size);
	ring->size = need;
	return 0;
}

/* Returns the records that are waiting, or NULL when there are none. */
static napi_value tw_ring_drain(struct tw_ring *ring)
{
	napi_value records = NULL;

	ring->size = 0;
	ring_buffer__consume(ring->buffer);
	if (ring->size)
		napi_create_buffer_copy(ring->env, ring->size, ring->data, NULL, &records);
	return records;
}

static void tw_ring_ready(uv_poll_t *poll, int status, int events)
{
	struct tw_ring *ring = (struct tw_ring *)poll;
	napi_value records, callback, receiver, thrown;
	napi_handle_scope scope;

	(void)events;
	if (status < 0 || ring->closed)
		return;
	napi_open_handle_scope(ring->env, &scope);
	records = tw_ring_drain(ring);
	if (records) {
		napi_get_reference_value(ring->env, ring->callback, &callback);
		napi_get_global(ring->env, &receiver);
		if (napi_make_callback(ring->env, ring->context, receiver, callback, 1, &records,
				       NULL) == napi_pending_exception &&
		    napi_get_and_clear_last_exception(ring->env, &thrown) == napi_ok)
			napi_fatal_exception(ring->env, thrown);
	}
	napi_close_handle_scope(ring->env, scope);
}

static void tw_ring_release(struct tw_ring *ring)
{
	if (--ring->owners == 0)
		free(ring);
}

static void tw_ring_forgotten(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	tw_ring_release(data);
}

static void tw_ring_gone(uv_handle_t *handle)
{
	struct tw_ring *ring = (struct tw_ring *)handle;

	ring_buffer__free(ring->buffer);
	free(ring->data);
	napi_remove_async_cleanup_hook(ring->cleanup);
	tw_ring_release(ring);
}

static void tw_ring_shut(struct tw_ring *ring)
{
	if (ring->closed)
		return;
	ring->closed = 1;
	napi_delete_reference(ring->env, ring->callback);
	napi_async_destroy(ring->env, ring->context);
	uv_poll_stop(&ring->poll);
	uv_close((uv_handle_t *)&ring->poll, tw_ring_gone);
}

/* The environment ends with the ring open: its loop may not be left with our handle in it. */
static void tw_ring_orphaned(napi_async_cleanup_hook_handle cleanup, void *data)
{
	(void)cleanup;
	tw_ring_shut(data);
}

/* Everything that can fail, before uv has a handle that it must close. */
static int tw_ring_prepare(struct tw_ring *ring, napi_env env, int map, napi_value callback)
{
	uv_loop_t *loop;

	ring->env = env;
	ring->buffer = ring_buffer__new(map, tw_ring_record, ring, NULL);
	if (!ring->buffer)
		return errno;
	napi_get_uv_event_loop(env, &loop);
	if (uv_poll_init(loop, &ring->poll, ring_buffer__epoll_fd(ring->buffer))) {
		ring_buffer__free(ring->buffer);
		return EIO;
	}
	napi_create_reference(env, callback, 1, &ring->callback);
	return 0;
}

/* ringOpen(handle, map, callback) -> ring. It does not keep the process alive. */
napi_value tw_ring_open(napi_env env, napi_callback_info info)
{
	napi_value argv[3], name;
	struct tw_engine *engine;
	napi_valuetype type;
	struct tw_ring *ring;
	struct tw_map *map;
	char map_name[64];
	int err;

	if (tw_args(env, info, 3, argv) || tw_engine(env, argv[0], &engine) ||
	    tw_string(env, argv[1], map_name, sizeof(map_name)))
		return NULL;
	if (napi_typeof(env, argv[2], &type) != napi_ok || type != napi_function)
		return tw_throw_text(env, "EINVAL", "a function is needed");
	map = tw_find_map(engine, map_name);
	if (!map)
		return tw_throw(env, ENOENT, map_name);
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return tw_throw(env, ENOMEM, map_name);
	err = tw_ring_prepare(ring, env, map->fd, argv[2]);
	if (err) {
		free(ring);
		return tw_throw(env, err, map_name);
	}
	napi_create_string_utf8(env, "torwacht.ring", NAPI_AUTO_LENGTH, &name);
	napi_async_init(env, NULL, name, &ring->context);
	napi_add_async_cleanup_hook(env, tw_ring_orphaned, ring, &ring->cleanup);
	uv_poll_start(&ring->poll, UV_READABLE, tw_ring_ready);
	uv_unref((uv_handle_t *)&ring->poll);
	ring->owners = 2;
	return tw_handle(env, ring, &tw_ring_tag, tw_ring_forgotten);
}

/* ringClose(ring) -> records that were still waiting, or undefined; doing it twice is fine */
napi_value tw_ring_close(napi_env env, napi_callback_info info)
{
	napi_value argv[1], records;
	struct tw_ring *ring;
	void *data = NULL;

	if (tw_args(env, info, 1, argv) || tw_unhandle(env, argv[0], &tw_ring_tag, &data))
		return NULL;
	ring = data;
	if (ring->closed)
		return tw_undefined(env);
	records = tw_ring_drain(ring);
	tw_ring_shut(ring);
	return records ? records : tw_undefined(env);
}
