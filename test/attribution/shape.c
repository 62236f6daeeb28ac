/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Shapes of processes, by name: `shape KIND ADDRESS PORT`. Whoever the shape leads to makes one connection, which
 * must be refused with EPERM. What it made of itself before that is what the evidence has to see through. Other
 * names that this program is called by (links, copies) are other programs to the kernel.
 */
#define _GNU_SOURCE
#include "../lab/probe.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *address, *port;
static char self[4096];

static int fail(const char *what)
{
	fprintf(stderr, "shape: %s: %s\n", what, strerrorname_np(errno));
	return 3;
}

static int check(int result)
{
	if (result == 0)
		return fprintf(stderr, "shape: it got through\n"), 4;
	return errno == EPERM ? 0 : fail("connect");
}

static int connect_by(int fd)
{
	union address to;
	socklen_t size = read_address(address, port, &to);

	return check(connect(fd, &to.any, size));
}

static int new_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int try(void)
{
	return connect_by(new_socket());
}

static int send_datagram(void)
{
	union address to;
	socklen_t size = read_address(address, port, &to);

	return check(sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, &to.any, size) == 1 ? 0 : -1);
}

static int result_of(pid_t child)
{
	int status = 0;

	if (waitpid(child, &status, 0) != child)
		return fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static int forked(int (*then)(void))
{
	pid_t child = fork();

	if (child == 0)
		_exit(then());
	return result_of(child);
}

static int by_fork(void)
{
	return forked(try);
}

/* The same program by another name, beside this one. */
static const char *other(const char *name)
{
	static char path[4200];
	char *slash;

	snprintf(path, sizeof(path), "%s", self);
	slash = strrchr(path, '/');
	snprintf(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "%s", name);
	return path;
}

static int become(const char *path, const char *kind)
{
	execl(path, path, kind, address, port, (char *)0);
	return fail("exec");
}

static int become_other(void)
{
	return become(other("other"), "try");
}

static int fork_exec(void)
{
	return forked(become_other);
}

/* Who is between this one and the first. */
static pid_t between;

static int once_orphaned(void)
{
	while (getppid() == between)
		usleep(1000);
	return try();
}

/* The one between ends before the last one connects; it is reaped here. */
static int orphan_of_child(void)
{
	between = getpid();
	if (fork() == 0)
		_exit(once_orphaned());
	return 0;
}

static int double_fork(void)
{
	return forked(orphan_of_child);
}

static int daemon_child(void)
{
	setsid();
	between = getpid();
	if (fork() != 0)
		return 0;
	if (chdir("/"))
		return fail("chdir");
	close(0);
	_exit(once_orphaned());
}

static int daemonize(void)
{
	return forked(daemon_child);
}

static int under_subreaper(void)
{
	int result;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "reaper");
	result = double_fork();
	while (waitpid(-1, 0, 0) > 0)
		;
	return result;
}

static void *in_thread(void *name)
{
	if (name)
		prctl(PR_SET_NAME, name);
	return (void *)(intptr_t)try();
}

static int threaded(const char *name)
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, 0, in_thread, (void *)name))
		return fail("thread");
	pthread_join(thread, &result);
	return (int)(intptr_t)result;
}

static int thread(void)
{
	return threaded(0);
}

static int named_thread(void)
{
	return threaded("innocent");
}

static void *last_thread(void *unused)
{
	(void)unused;
	usleep(20000);	/* the first one is gone by now, as far as the kernel lets it go */
	exit(try());
}

static int without_first(void)
{
	pthread_t thread;

	pthread_create(&thread, 0, last_thread, 0);
	pthread_exit(0);
}

static void *exec_in_thread(void *unused)
{
	(void)unused;
	exit(become_other());
}

static int thread_exec(void)
{
	pthread_t thread;

	pthread_create(&thread, 0, exec_in_thread, 0);
	pthread_join(thread, 0);	/* the exec ends this thread */
	return 3;
}

static int vfork_exec(void)
{
	const char *path = other("other");
	pid_t child = vfork();

	if (child == 0) {
		execl(path, path, "try", address, port, (char *)0);
		_exit(3);
	}
	return result_of(child);
}

static int vfork_alone(void)
{
	pid_t child = vfork();

	if (child == 0)
		_exit(try());
	return result_of(child);
}

static int spawned(void)
{
	const char *path = other("other");
	char *const args[] = { (char *)path, "try", (char *)address, (char *)port, 0 };
	pid_t child;

	if (posix_spawn(&child, path, 0, 0, args, environ))
		return fail("posix_spawn");
	return result_of(child);
}

static int by_descriptor(void)
{
	int fd = open(other("other"), O_RDONLY | O_CLOEXEC);
	char *const args[] = { "anything", "try", (char *)address, (char *)port, 0 };

	fexecve(fd, args, environ);
	return fail("fexecve");
}

static int from_memory(void)
{
	int from = open(self, O_RDONLY | O_CLOEXEC), to = memfd_create("thing", MFD_CLOEXEC);
	char *const args[] = { "anything", "try", (char *)address, (char *)port, 0 };
	char buffer[65536];
	ssize_t size;

	while ((size = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)size) != size)
			return fail("write");
	fexecve(to, args, environ);
	return fail("fexecve");
}

static int renamed(void)
{
	prctl(PR_SET_NAME, "kworker/0:1");
	return try();
}

static int renamed_then_exec(void)
{
	prctl(PR_SET_NAME, "kworker/0:1");
	return become_other();
}

static int unlinked(void)
{
	if (unlink(self))
		return fail("unlink");
	return try();
}

static int as_nobody(void)
{
	if (setresuid(65534, 65534, 65534))
		return fail("setresuid");
	return try();
}

static int beside_parent(void)
{
	long child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (child == 0)
		_exit(try());
	/* It is the parent's to wait for; the end of the pipe that both hold tells when it is done. */
	return child < 0 ? fail("clone") : 0;
}

static int killed_at_once(void)
{
	int ends[2];
	pid_t child;
	char byte;

	if (pipe(ends))
		return fail("pipe");
	child = fork();
	if (child == 0) {
		byte = (char)try();
		if (write(ends[1], &byte, 1) == 1)
			for (;;)
				pause();
		_exit(3);
	}
	if (read(ends[0], &byte, 1) != 1)
		return fail("read");
	kill(child, SIGKILL);
	waitpid(child, 0, 0);
	return byte;
}

static int give(int channel, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(channel, &message, 0) == 1 ? 0 : fail("sendmsg");
}

static int taken(int channel)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room),
	};
	int fd = -1;

	if (recvmsg(channel, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* A socket of one process is connected by another, which is another program too. */
static int handed(void)
{
	int pair[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return fail("socketpair");
	child = fork();
	if (child == 0) {
		dup2(pair[1], 3);
		_exit(become(other("other"), "take"));
	}
	give(pair[0], new_socket());
	return result_of(child);
}

static int take(void)
{
	return connect_by(taken(3));
}

/* A socket that was opened before the exec is used after it. */
static int heir(void)
{
	dup2(new_socket(), 3);
	return become(other("other"), "inherit");
}

static int inherit(void)
{
	return connect_by(3);
}

static int socket_of_parent(void)
{
	dup2(new_socket(), 3);
	return forked(inherit);
}

/* One submission by io_uring; with a kernel thread that polls, nobody of the process makes the call. */
static int by_ring(unsigned int flags)
{
	struct io_uring_params setup = { .flags = flags };
	int ring = (int)syscall(SYS_io_uring_setup, 4, &setup), fd = new_socket(), result;
	union address to;
	socklen_t size = read_address(address, port, &to);
	struct io_uring_sqe *entries;
	struct io_uring_cqe *done;
	unsigned char *sq, *cq;

	if (ring < 0)
		return fail("io_uring_setup");
	sq = mmap(0, setup.sq_off.array + setup.sq_entries * 4, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	cq = mmap(0, setup.cq_off.cqes + setup.cq_entries * sizeof(*done), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	entries = mmap(0, setup.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || entries == MAP_FAILED)
		return fail("mmap");
	memset(entries, 0, sizeof(*entries));
	entries->opcode = IORING_OP_CONNECT;
	entries->flags = flags ? 0 : IOSQE_ASYNC;
	entries->fd = fd;
	entries->addr = (uint64_t)(uintptr_t)&to;
	entries->off = size;
	*(unsigned int *)(sq + setup.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(sq + setup.sq_off.tail), 1, __ATOMIC_RELEASE);
	result = (int)syscall(SYS_io_uring_enter, ring, flags ? 0 : 1, 1,
			      IORING_ENTER_GETEVENTS | (flags ? IORING_ENTER_SQ_WAKEUP : 0), 0, 0);
	if (result < 0)
		return fail("io_uring_enter");
	done = (void *)(cq + setup.cq_off.cqes);
	errno = -done->res;
	return check(done->res < 0 ? -1 : 0);
}

static int ring(void)
{
	return by_ring(0);
}

static int polled_ring(void)
{
	return by_ring(IORING_SETUP_SQPOLL);
}

static const struct {
	const char *name;
	int (*run)(void);
} kinds[] = {
	{ "try", try },
	{ "datagram", send_datagram },
	{ "fork", by_fork },
	{ "exec", become_other },
	{ "fork-exec", fork_exec },
	{ "double-fork", double_fork },
	{ "daemon", daemonize },
	{ "subreaper", under_subreaper },
	{ "thread", thread },
	{ "named-thread", named_thread },
	{ "without-first", without_first },
	{ "thread-exec", thread_exec },
	{ "vfork-exec", vfork_exec },
	{ "vfork", vfork_alone },
	{ "spawn", spawned },
	{ "fexecve", by_descriptor },
	{ "memfd", from_memory },
	{ "renamed", renamed },
	{ "renamed-exec", renamed_then_exec },
	{ "unlinked", unlinked },
	{ "nobody", as_nobody },
	{ "clone-parent", beside_parent },
	{ "killed", killed_at_once },
	{ "handed", handed },
	{ "take", take },
	{ "heir", heir },
	{ "inherit", inherit },
	{ "socket-of-parent", socket_of_parent },
	{ "ring", ring },
	{ "polled-ring", polled_ring },
};

int main(int argc, char **argv)
{
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	if (argc != 4 || length < 0) {
		fprintf(stderr, "usage: shape KIND ADDRESS PORT\n");
		return 2;
	}
	self[length] = 0;
	if (!inside_lab()) {
		fprintf(stderr, "shape: not inside the lab\n");
		return 2;
	}
	address = argv[2];
	port = argv[3];
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, argv[1]))
			return kinds[i].run();
	fprintf(stderr, "shape: no such kind: %s\n", argv[1]);
	return 2;
}
