/* SPDX-License-Identifier: MPL-2.0 */
/* Sockets for the resolver, in whatever network namespace a target has. */
#define _GNU_SOURCE
#include "addon.h"
#include "netns.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Only packets that the target's egress program marked: nobody else on the host may ask. */
static int tw_accept_mark(int fd, uint32_t mark)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_MARK)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mark, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ||
	       setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &(int){ 1 }, sizeof(int));
}

/* What a socket shall be; port 0 lets the kernel choose. */
struct tw_wanted {
	int family, type;
	uint32_t port, mark;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} name;
	socklen_t size;
};

static int tw_read_kind(const char *kind, struct tw_wanted *wanted)
{
	wanted->family = strchr(kind, '6') ? AF_INET6 : AF_INET;
	if (strncmp(kind, "udp", 3) && strncmp(kind, "tcp", 3))
		return -1;
	wanted->type = kind[0] == 'u' ? SOCK_DGRAM : SOCK_STREAM;
	return strcmp(kind + 3, wanted->family == AF_INET6 ? "6" : "");
}

static int tw_read_name(const char *address, struct tw_wanted *wanted)
{
	void *bytes;

	memset(&wanted->name, 0, sizeof(wanted->name));
	wanted->name.any.sa_family = (sa_family_t)wanted->family;
	if (wanted->family == AF_INET6) {
		wanted->size = sizeof(wanted->name.v6);
		wanted->name.v6.sin6_port = htons((uint16_t)wanted->port);
		bytes = &wanted->name.v6.sin6_addr;
	} else {
		wanted->size = sizeof(wanted->name.v4);
		wanted->name.v4.sin_port = htons((uint16_t)wanted->port);
		bytes = &wanted->name.v4.sin_addr;
	}
	return inet_pton(wanted->family, address, bytes) != 1 || wanted->port > 65535;
}

/* A descriptor, or -errno. A socket belongs to the namespace that it was made in. */
static int tw_make_socket(struct tw_wanted *wanted)
{
	int type = wanted->type | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(wanted->family, type, 0), err;

	if (fd < 0)
		return -errno;
	/* The filter first: nothing may come in between bind and filter. */
	if ((wanted->mark && tw_accept_mark(fd, wanted->mark)) ||
	    (wanted->family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 1 }, sizeof(int))) ||
	    bind(fd, &wanted->name.any, wanted->size) ||
	    getsockname(fd, &wanted->name.any, &wanted->size)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/*
 * openSocket(kind: 'udp' | 'tcp' | 'udp6' | 'tcp6', address, port, mark, netns) -> { fd, port }; mark 0:
 * anyone may send; netns "": here
 */
napi_value tw_open_socket(napi_env env, napi_callback_info info)
{
	char kind[8], address[64], path[4096];
	struct tw_wanted wanted;
	napi_value argv[5], result;
	int before, fd;

	if (tw_args(env, info, 5, argv) || tw_string(env, argv[0], kind, sizeof(kind)) ||
	    tw_string(env, argv[1], address, sizeof(address)) ||
	    tw_uint32(env, argv[2], &wanted.port) || tw_uint32(env, argv[3], &wanted.mark) ||
	    tw_string(env, argv[4], path, sizeof(path)))
		return NULL;
	if (tw_read_kind(kind, &wanted))
		return tw_throw(env, EINVAL, kind);
	if (tw_read_name(address, &wanted))
		return tw_throw(env, EINVAL, address);
	before = tw_enter(path);
	if (before < 0 && *path)
		return tw_throw(env, -before, path);
	fd = tw_make_socket(&wanted);
	tw_leave(before);
	if (fd < 0)
		return tw_throw(env, -fd, address);
	napi_create_object(env, &result);
	tw_set(env, result, "fd", tw_number(env, fd));
	tw_set(env, result, "port",
	       tw_number(env, ntohs(wanted.family == AF_INET6 ? wanted.name.v6.sin6_port
							      : wanted.name.v4.sin_port)));
	return result;
}

/* connectSocket(kind: 'udp' | 'udp6', address, port) -> fd: it takes nothing from anywhere else */
napi_value tw_connect_socket(napi_env env, napi_callback_info info)
{
	struct tw_wanted wanted = { 0 };
	char kind[8], address[64];
	napi_value argv[3];
	int fd, err;

	if (tw_args(env, info, 3, argv) || tw_string(env, argv[0], kind, sizeof(kind)) ||
	    tw_string(env, argv[1], address, sizeof(address)) || tw_uint32(env, argv[2], &wanted.port))
		return NULL;
	if (tw_read_kind(kind, &wanted) || wanted.type != SOCK_DGRAM)
		return tw_throw(env, EINVAL, kind);
	if (tw_read_name(address, &wanted))
		return tw_throw(env, EINVAL, address);
	fd = socket(wanted.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return tw_throw(env, errno, address);
	if (connect(fd, &wanted.name.any, wanted.size)) {
		err = errno;
		close(fd);
		return tw_throw(env, err, address);
	}
	return tw_number(env, fd);
}

/* socketName(fd) -> { address, port }: where it is bound */
napi_value tw_socket_name(napi_env env, napi_callback_info info)
{
	struct sockaddr_in6 name = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&name;
	char text[INET6_ADDRSTRLEN] = "";
	socklen_t size = sizeof(name);
	napi_value argv[1], result, address;
	int is_v4;
	uint32_t fd;

	if (tw_args(env, info, 1, argv) || tw_uint32(env, argv[0], &fd))
		return NULL;
	if (getsockname((int)fd, (struct sockaddr *)&name, &size))
		return tw_throw(env, errno, "socket");
	is_v4 = name.sin6_family == AF_INET;
	if (!is_v4 && name.sin6_family != AF_INET6)
		return tw_throw(env, EAFNOSUPPORT, "socket");
	inet_ntop(name.sin6_family, is_v4 ? (void *)&v4->sin_addr : (void *)&name.sin6_addr, text,
		  sizeof(text));
	napi_create_object(env, &result);
	napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &address);
	tw_set(env, result, "address", address);
	tw_set(env, result, "port", tw_number(env, ntohs(name.sin6_port)));
	return result;
}

/* listenerOf(path) -> the process that listens at a Unix socket; 0: none that we can see */
napi_value tw_listener_of(napi_env env, napi_callback_info info)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	napi_value argv[1];
	int fd, err;

	if (tw_args(env, info, 1, argv) || tw_string(env, argv[0], name.sun_path, sizeof(name.sun_path)))
		return NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return tw_throw(env, errno, name.sun_path);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size)) {
		err = errno;
		close(fd);
		return tw_throw(env, err, name.sun_path);
	}
	close(fd);
	return tw_number(env, peer.pid);
}

/* receiveRoom(fd, bytes): how much may wait unread in a socket, whatever net.core.rmem_max says */
napi_value tw_receive_room(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	uint32_t fd, bytes;
	int room;

	if (tw_args(env, info, 2, argv) || tw_uint32(env, argv[0], &fd) ||
	    tw_uint32(env, argv[1], &bytes))
		return NULL;
	/* The kernel doubles it, for what it needs itself beside each datagram's bytes. */
	room = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
	if (setsockopt((int)fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		return tw_throw(env, errno, "receive room");
	return tw_undefined(env);
}
