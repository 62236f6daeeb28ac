/* SPDX-License-Identifier: MPL-2.0 */
/* Descriptors from one process to another: another's socket to look at, and the parent that keeps ours. */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The longest message to the parent or from it; agent/parent/parent.c has the same. */
#define TW_MESSAGE 512

/* descriptorOf(pid, fd) -> a descriptor of ours for what that process has open there (since 5.6) */
napi_value tw_descriptor_of(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	uint32_t pid, fd;
	int process, ours, err;

	if (tw_args(env, info, 2, argv) || tw_uint32(env, argv[0], &pid) || tw_uint32(env, argv[1], &fd))
		return NULL;
	process = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (process < 0)
		return tw_throw(env, errno, "pidfd_open");
	ours = (int)syscall(SYS_pidfd_getfd, process, (int)fd, 0);
	err = errno;
	close(process);
	return ours < 0 ? tw_throw(env, err, "pidfd_getfd") : tw_number(env, ours);
}

/* Room for one descriptor beside a message. */
union tw_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static void tw_attach(struct msghdr *message, union tw_control *control, int fd)
{
	memset(control, 0, sizeof(*control));
	message->msg_control = control->room;
	message->msg_controllen = sizeof(control->room);
	control->header.cmsg_level = SOL_SOCKET;
	control->header.cmsg_type = SCM_RIGHTS;
	control->header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control->header), &fd, sizeof(fd));
}

static int tw_attached(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/*
 * exchange(channel, message, fd) -> { message, fd }: sends one message, with a descriptor unless fd is -1,
 * and waits for the one that answers it. The channel's own time limit (SO_RCVTIMEO) ends the wait.
 */
napi_value tw_exchange(napi_env env, napi_callback_info info)
{
	napi_value argv[3], result, copy;
	struct msghdr message = {};
	char reply[TW_MESSAGE];
	union tw_control control;
	struct iovec part = {};
	uint32_t channel;
	ssize_t size;
	int32_t fd;

	if (tw_args(env, info, 3, argv) || tw_uint32(env, argv[0], &channel) ||
	    tw_bytes(env, argv[1], &part.iov_base, &part.iov_len))
		return NULL;
	if (napi_get_value_int32(env, argv[2], &fd) != napi_ok || part.iov_len > TW_MESSAGE)
		return tw_throw(env, EINVAL, "exchange");
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	if (fd >= 0)
		tw_attach(&message, &control, fd);
	/* It was inherited; programs that we start have no business there. */
	if (fcntl((int)channel, F_SETFD, FD_CLOEXEC) < 0)
		return tw_throw(env, errno, "the parent's channel");
	if (sendmsg((int)channel, &message, MSG_NOSIGNAL) < 0)
		return tw_throw(env, errno, "send to the parent");
	part.iov_base = reply;
	part.iov_len = sizeof(reply);
	message.msg_control = control.room;
	message.msg_controllen = sizeof(control.room);
	do {
		size = recvmsg((int)channel, &message, MSG_CMSG_CLOEXEC);
	} while (size < 0 && errno == EINTR);
	if (size <= 0)
		return tw_throw(env, size ? errno : EPIPE, "receive from the parent");
	napi_create_object(env, &result);
	napi_create_buffer_copy(env, (size_t)size, reply, NULL, &copy);
	tw_set(env, result, "message", copy);
	tw_set(env, result, "fd", tw_number(env, tw_attached(&message)));
	return result;
}
