/* SPDX-License-Identifier: MPL-2.0 */
/* Sockets for the resolver and the clock that the kernel's expiry uses. */
#define _GNU_SOURCE
#include "addon.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
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

/* openSocket(type: 'udp' | 'tcp', address, port, mark) -> { fd, port }; mark 0: anyone may send */
napi_value tw_open_socket(napi_env env, napi_callback_info info)
{
	char type[8], address[64];
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t size = sizeof(name);
	napi_value argv[4], result;
	uint32_t port, mark;
	int datagrams, fd, err;

	if (tw_args(env, info, 4, argv) || tw_string(env, argv[0], type, sizeof(type)) ||
	    tw_string(env, argv[1], address, sizeof(address)) || tw_uint32(env, argv[2], &port) ||
	    tw_uint32(env, argv[3], &mark))
		return NULL;
	datagrams = !strcmp(type, "udp");
	if (!datagrams && strcmp(type, "tcp"))
		return tw_throw(env, EINVAL, type);
	if (inet_pton(AF_INET, address, &name.sin_addr) != 1 || port > 65535)
		return tw_throw(env, EINVAL, address);
	name.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return tw_throw(env, errno, "socket");
	/* The filter first: nothing may come in between bind and filter. */
	if ((mark && tw_accept_mark(fd, mark)) || bind(fd, (struct sockaddr *)&name, sizeof(name)) ||
	    getsockname(fd, (struct sockaddr *)&name, &size)) {
		err = errno;
		close(fd);
		return tw_throw(env, err, address);
	}
	napi_create_object(env, &result);
	tw_set(env, result, "fd", tw_number(env, fd));
	tw_set(env, result, "port", tw_number(env, ntohs(name.sin_port)));
	return result;
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

/* bootTime() -> nanoseconds of CLOCK_BOOTTIME as a BigInt */
napi_value tw_boot_time(napi_env env, napi_callback_info info)
{
	napi_value result = NULL;
	struct timespec now;

	(void)info;
	clock_gettime(CLOCK_BOOTTIME, &now);
	napi_create_bigint_uint64(env, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
				  &result);
	return result;
}

/* jiffy() -> nanoseconds of one jiffy: the resolution of the coarse clocks, which the tick updates */
napi_value tw_jiffy(napi_env env, napi_callback_info info)
{
	struct timespec resolution;

	(void)info;
	clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
	return tw_number(env, (double)resolution.tv_sec * 1e9 + (double)resolution.tv_nsec);
}

/* close(fd) */
napi_value tw_close(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	uint32_t fd;

	if (tw_args(env, info, 1, argv) || tw_uint32(env, argv[0], &fd))
		return NULL;
	if (close((int)fd))
		return tw_throw(env, errno, "close");
	return tw_undefined(env);
}
