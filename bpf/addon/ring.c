/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The ring buffer on libuv's loop: one call into JavaScript per wake-up with all records in one
 * Buffer, each preceded by its size in 32 bits, native order.
 */
#include "watch.h"
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tw_ring {
	struct tw_watch watch;
	struct ring_buffer *buffer;
	char *data;
	size_t size;
	size_t room;
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
		napi_create_buffer_copy(ring->watch.env, ring->size, ring->data, NULL, &records);
	return records;
}

static void tw_ring_ready(struct tw_watch *watch)
{
	napi_value records = tw_ring_drain((struct tw_ring *)watch);

	if (records)
		tw_watch_tell(watch, 1, &records);
}

static void tw_ring_gone(struct tw_watch *watch)
{
	struct tw_ring *ring = (struct tw_ring *)watch;

	ring_buffer__free(ring->buffer);
	free(ring->data);
}

/* ringOpen(handle, map, callback) -> ring. It does not keep the process alive. */
napi_value tw_ring_open(napi_env env, napi_callback_info info)
{
	struct tw_engine *engine;
	struct tw_ring *ring;
	struct tw_map *map;
	char map_name[64];
	napi_value argv[3];
	int err;

	if (tw_args(env, info, 3, argv) || tw_engine(env, argv[0], &engine) ||
	    tw_string(env, argv[1], map_name, sizeof(map_name)))
		return NULL;
	map = tw_find_map(engine, map_name);
	if (!map)
		return tw_throw(env, ENOENT, map_name);
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return tw_throw(env, ENOMEM, map_name);
	ring->buffer = ring_buffer__new(map->fd, tw_ring_record, ring, NULL);
	if (!ring->buffer) {
		err = errno;
		free(ring);
		return tw_throw(env, err, map_name);
	}
	ring->watch.ready = tw_ring_ready;
	ring->watch.gone = tw_ring_gone;
	if (tw_watch_start(env, &ring->watch, ring_buffer__epoll_fd(ring->buffer), argv[2],
			   "torwacht.ring")) {
		ring_buffer__free(ring->buffer);
		free(ring);
		return NULL;
	}
	return tw_watch_handle(&ring->watch, &tw_ring_tag);
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
	if (ring->watch.closed)
		return tw_undefined(env);
	records = tw_ring_drain(ring);
	tw_watch_shut(&ring->watch);
	return records ? records : tw_undefined(env);
}
