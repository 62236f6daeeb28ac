/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include "message.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union tw_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

int tw_send(int channel, const char *text, int fd)
{
	struct iovec part = { .iov_base = (char *)text, .iov_len = strlen(text) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	union tw_control control = {};
	ssize_t size;

	if (fd >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	/* A wait with a limit is not taken up again by the kernel when the process was frozen in it. */
	do
		size = sendmsg(channel, &message, MSG_NOSIGNAL);
	while (size < 0 && errno == EINTR);
	return size < 0 ? -1 : 0;
}

ssize_t tw_receive(int channel, char *text, int *fd)
{
	struct iovec part = { .iov_base = text, .iov_len = TW_MESSAGE - 1 };
	union tw_control control = {};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *header;
	ssize_t size;

	do
		size = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
	while (size < 0 && errno == EINTR);
	*fd = -1;
	if (size < 0)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	text[size] = 0;
	return size;
}
