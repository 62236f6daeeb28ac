/* SPDX-License-Identifier: MPL-2.0 */
/* The same calls through io_uring, one at a time: no system call names the address. */
#include "probe.h"

#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 4

struct ring {
	int fd;
	unsigned int *tail, *mask, *array, *done_head, *done_tail, *done_mask;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *done;
};

static void *map(int fd, size_t size, off_t offset)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
}

static int open_ring(struct ring *r)
{
	struct io_uring_params p = { 0 };
	char *submit, *complete;

	r->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (r->fd < 0)
		return -1;
	submit = map(r->fd, p.sq_off.array + p.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	complete = map(r->fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		       IORING_OFF_CQ_RING);
	r->entries = map(r->fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	if (submit == MAP_FAILED || complete == MAP_FAILED || r->entries == MAP_FAILED)
		return -1;
	r->tail = (unsigned int *)(submit + p.sq_off.tail);
	r->mask = (unsigned int *)(submit + p.sq_off.ring_mask);
	r->array = (unsigned int *)(submit + p.sq_off.array);
	r->done_head = (unsigned int *)(complete + p.cq_off.head);
	r->done_tail = (unsigned int *)(complete + p.cq_off.tail);
	r->done_mask = (unsigned int *)(complete + p.cq_off.ring_mask);
	r->done = (struct io_uring_cqe *)(complete + p.cq_off.cqes);
	return 0;
}

/* Does one thing and gives its result as a system call would; a call that hangs is given up. */
static int submit(struct ring *r, const struct io_uring_sqe *what)
{
	struct __kernel_timespec patience = { .tv_nsec = 900000000 };
	struct io_uring_getevents_arg argument = { .ts = (unsigned long)&patience };
	unsigned int at = *r->tail & *r->mask;
	int result;

	r->entries[at] = *what;
	r->array[at] = at;
	__atomic_store_n(r->tail, *r->tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
		    &argument, sizeof(argument)) < 0)
		return -1;
	if (__atomic_load_n(r->done_tail, __ATOMIC_ACQUIRE) == *r->done_head) {
		errno = ETIME;
		return -1;
	}
	result = r->done[*r->done_head & *r->done_mask].res;
	__atomic_store_n(r->done_head, *r->done_head + 1, __ATOMIC_RELEASE);
	if (result < 0) {
		errno = -result;
		return -1;
	}
	return result;
}

static const char *no_ring(void)
{
	return sentence("no ring: %s", strerrorname_np(errno));
}

/* uring-connect ADDRESS PORT TEXT: connect and send */
static const char *uring_connect(char **w, int count)
{
	int fd = open_socket(w[0], SOCK_STREAM, 0);
	union address to;
	struct io_uring_sqe connect = {
		.opcode = IORING_OP_CONNECT, .fd = fd, .addr = (unsigned long)&to,
		.off = read_address(w[0], w[1], &to),
	};
	struct io_uring_sqe send = {
		.opcode = IORING_OP_SEND, .fd = fd, .addr = (unsigned long)w[2],
		.len = (unsigned int)strlen(w[2]), .msg_flags = MSG_NOSIGNAL,
	};
	struct ring r;
	const char *said;
	int result;

	(void)count;
	if (open_ring(&r))
		return no_ring();
	result = submit(&r, &connect);
	said = outcome(result < 0 ? result : submit(&r, &send));
	close(r.fd);
	close(fd);
	return said;
}

static const char *uring_message(char **w, int on_thread)
{
	int fd = open_socket(w[0], SOCK_DGRAM, 0);
	union address to;
	struct iovec part = { .iov_base = w[2], .iov_len = strlen(w[2]) };
	struct msghdr message = {
		.msg_name = &to, .msg_namelen = read_address(w[0], w[1], &to),
		.msg_iov = &part, .msg_iovlen = 1,
	};
	struct io_uring_sqe send = {
		.opcode = IORING_OP_SENDMSG, .fd = fd, .addr = (unsigned long)&message, .len = 1,
		.flags = on_thread ? IOSQE_ASYNC : 0,
	};
	struct ring r;
	const char *said;

	if (open_ring(&r))
		return no_ring();
	said = outcome(submit(&r, &send));
	close(r.fd);
	close(fd);
	return said;
}

/* uring-sendmsg ADDRESS PORT TEXT: a datagram by a socket that was never connected */
static const char *uring_sendmsg(char **w, int count)
{
	(void)count;
	return uring_message(w, 0);
}

/* uring-thread ADDRESS PORT TEXT: the same, sent by a thread of the kernel's */
static const char *uring_thread(char **w, int count)
{
	(void)count;
	return uring_message(w, 1);
}

/* uring-frame HEX: makes the packet socket through the ring too, where no filter of calls sees it */
static const char *uring_frame(char **w, int count)
{
	unsigned char bytes[MAX_BYTES];
	size_t length = unhex(w[0], bytes, sizeof(bytes));
	struct io_uring_sqe socket = {
		.opcode = IORING_OP_SOCKET, .fd = AF_PACKET, .off = SOCK_DGRAM, .len = 0,
	};
	struct ring r;
	int fd;

	(void)count;
	if (open_ring(&r))
		return no_ring();
	fd = submit(&r, &socket);
	close(r.fd);
	if (fd < 0)
		return sentence("no socket: %s", strerrorname_np(errno));
	return outcome(send_frame(fd, bytes, length));
}

const struct step uring_steps[] = {
	{ "uring-connect", 3, uring_connect },
	{ "uring-sendmsg", 3, uring_sendmsg },
	{ "uring-thread", 3, uring_thread },
	{ "uring-frame", 1, uring_frame },
	{ 0 },
};
