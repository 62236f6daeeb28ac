/* SPDX-License-Identifier: MPL-2.0 */
/*
 * UDP sockets on libuv's loop, for a resolver whose users wait for it: all that has come is read with one system
 * call into memory that all sockets share, and sent at once. Node's own cost several times that (ADR 26).
 */
#define _GNU_SOURCE
#include "watch.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whatever UDP can carry. */
#define TW_DATAGRAM_BYTES 65536
#define TW_MOST_AT_ONCE 32

/* One place of the room; bpf/datagrams.ts knows it. */
struct tw_place {
	uint32_t size;
	uint32_t peer_size;
	unsigned char peer[sizeof(struct sockaddr_in6)];
	unsigned char data[TW_DATAGRAM_BYTES];
};

struct tw_datagrams {
	struct tw_watch watch;
	int fd;
	napi_ref room;
};

static unsigned int tw_receive(int fd, struct tw_place *places, unsigned int count)
{
	struct mmsghdr messages[TW_MOST_AT_ONCE] = { 0 };
	struct iovec parts[TW_MOST_AT_ONCE];
	unsigned int i;
	int got;

	for (i = 0; i < count; i++) {
		parts[i] = (struct iovec){ places[i].data, sizeof(places[i].data) };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = places[i].peer;
		messages[i].msg_hdr.msg_namelen = sizeof(places[i].peer);
	}
	got = recvmmsg(fd, messages, count, MSG_DONTWAIT, NULL);
	for (i = 0; got > 0 && i < (unsigned int)got; i++) {
		places[i].size = messages[i].msg_len;
		places[i].peer_size = messages[i].msg_hdr.msg_namelen;
	}
	return got > 0 ? i : 0;
}

static void tw_datagrams_ready(struct tw_watch *watch)
{
	struct tw_datagrams *socket = (struct tw_datagrams *)watch;
	napi_value room, argv[2];
	unsigned int count = 0;
	void *places = NULL;
	size_t size = 0;
	int err = 0;

	/* Asked each time: JavaScript could have given the memory away. */
	napi_get_reference_value(watch->env, socket->room, &room);
	napi_get_buffer_info(watch->env, room, &places, &size);
	size /= sizeof(struct tw_place);
	if (size)
		count = tw_receive(socket->fd, places, size < TW_MOST_AT_ONCE ? size : TW_MOST_AT_ONCE);
	if (!count) {
		err = size ? errno : ENOBUFS;
		if (err == EAGAIN || err == EINTR)
			return;
	}
	argv[0] = tw_number(watch->env, count);
	argv[1] = tw_number(watch->env, err);
	tw_watch_tell(watch, 2, argv);
}

static void tw_datagrams_gone(struct tw_watch *watch)
{
	struct tw_datagrams *socket = (struct tw_datagrams *)watch;

	if (socket->fd >= 0)
		close(socket->fd);
	napi_delete_reference(watch->env, socket->room);
}

/*
 * datagramsOpen(fd, room, callback(count, errno)) -> socket, which takes the descriptor over; `errno` where nothing
 * could be read
 */
napi_value tw_datagrams_open(napi_env env, napi_callback_info info)
{
	struct tw_datagrams *socket;
	socklen_t size = sizeof(int);
	int fd, type = 0;
	napi_value argv[3];
	uint32_t number;
	size_t room;
	void *data;

	if (tw_args(env, info, 3, argv) || tw_uint32(env, argv[0], &number) ||
	    tw_bytes(env, argv[1], &data, &room))
		return NULL;
	fd = (int)number;
	if (room < sizeof(struct tw_place) || (uintptr_t)data % sizeof(uint32_t))
		return tw_throw(env, EINVAL, "room");
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
		return tw_throw(env, errno, "datagrams");
	if (type != SOCK_DGRAM)
		return tw_throw(env, EPROTOTYPE, "datagrams");
	socket = calloc(1, sizeof(*socket));
	if (!socket)
		return tw_throw(env, ENOMEM, "datagrams");
	socket->fd = fd;
	socket->watch.ready = tw_datagrams_ready;
	socket->watch.gone = tw_datagrams_gone;
	if (tw_watch_start(env, &socket->watch, fd, argv[2], "torwacht.datagrams")) {
		free(socket);
		return NULL;
	}
	napi_create_reference(env, argv[1], 1, &socket->room);
	return tw_watch_handle(&socket->watch, &tw_datagrams_tag);
}

static struct tw_datagrams *tw_datagrams_of(napi_env env, napi_value value)
{
	void *data = NULL;

	return tw_unhandle(env, value, &tw_datagrams_tag, &data) ? NULL : data;
}

/* datagramsSend(socket, message, peer): at once or, with an exception, not at all; an empty peer: the connected one */
napi_value tw_datagrams_send(napi_env env, napi_callback_info info)
{
	struct tw_datagrams *socket;
	size_t size, peer_size;
	void *data, *peer;
	napi_value argv[3];

	if (tw_args(env, info, 3, argv) || !(socket = tw_datagrams_of(env, argv[0])) ||
	    tw_bytes(env, argv[1], &data, &size) || tw_bytes(env, argv[2], &peer, &peer_size))
		return NULL;
	if (socket->watch.closed)
		return tw_throw(env, EBADF, "datagrams");
	if (sendto(socket->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, peer_size ? peer : NULL,
		   (socklen_t)peer_size) < 0)
		return tw_throw(env, errno, "datagrams");
	return tw_undefined(env);
}

/* datagramsClose(socket): its port is free when this returns; twice is fine */
napi_value tw_datagrams_close(napi_env env, napi_callback_info info)
{
	struct tw_datagrams *socket;
	napi_value argv[1];

	if (tw_args(env, info, 1, argv) || !(socket = tw_datagrams_of(env, argv[0])))
		return NULL;
	if (!socket->watch.closed) {
		tw_watch_shut(&socket->watch);
		close(socket->fd);
		socket->fd = -1;
	}
	return tw_undefined(env);
}
