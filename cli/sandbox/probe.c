// SPDX-License-Identifier: MPL-2.0
/*
 * A test program: tries one thing that a sandbox forbids and prints `ok` or the errno's name. It is run
 * outside too, as the control that the thing works there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define UPPER_HALF 0x100000000UL

static long number(char **argv, int index)
{
	return argv[index] ? strtol(argv[index], NULL, 0) : 0;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

/* The child of a raw clone must not return into the test. */
static long clone_flags(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | 17, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return pid;
}

static long clone3_flags(unsigned long flags)
{
	struct clone_args args = { .flags = flags, .exit_signal = 17 };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return pid;
}

#ifdef __x86_64__
/* A 64-bit program can make i386 calls: int 0x80. Returns as a libc call does. */
static long i386_call(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	if ((int)result < 0) {
		errno = -(int)result;
		return -1;
	}
	return result;
}

static long i386_socketcall(long call, int family)
{
	uint32_t *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (args == MAP_FAILED)
		return -1;
	args[0] = (uint32_t)family;
	args[1] = SOCK_DGRAM;
	args[2] = 0;
	args[3] = (uint32_t)(uintptr_t)(args + 8);
	return i386_call(102, call, (long)(uintptr_t)args, 0);
}
#endif

/* Of a socket that shares its port (socket(7)); the kernel reads level and option as 32 bits. */
static long steer(unsigned long upper)
{
	struct sock_filter code[] = { { .code = 6 /* return 0 */ } };
	struct sock_fprog program = { .len = 1, .filter = code };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	return syscall(SYS_setsockopt, fd, upper | SOL_SOCKET, upper | SO_ATTACH_REUSEPORT_CBPF,
		       &program, sizeof(program));
}

static long attempt(const char *what, char **argv)
{
	static char params[256];

	if (!strcmp(what, "socket"))
		return socket((int)number(argv, 2), SOCK_DGRAM, 0);
	if (!strcmp(what, "raw-socket"))
		return socket((int)number(argv, 2), SOCK_RAW, (int)number(argv, 3));
	if (!strcmp(what, "socket-upper"))
		return syscall(SYS_socket, UPPER_HALF | (unsigned long)number(argv, 2), SOCK_DGRAM, 0);
	if (!strcmp(what, "steer"))
		return steer(0);
	if (!strcmp(what, "steer-upper"))
		return steer(UPPER_HALF);
	if (!strcmp(what, "io_uring"))
		return syscall(SYS_io_uring_setup, 4, params);
	if (!strcmp(what, "tiocsti"))
		return ioctl(0, TIOCSTI, "x");
	if (!strcmp(what, "tiocsti-upper"))
		return syscall(SYS_ioctl, 0, UPPER_HALF | TIOCSTI, "x");
	if (!strcmp(what, "tioclinux"))
		return ioctl(0, 0x541C, "\2");
	if (!strcmp(what, "unshare-user"))
		return unshare(CLONE_NEWUSER);
	if (!strcmp(what, "clone-user"))
		return clone_flags(CLONE_NEWUSER);
	if (!strcmp(what, "clone3-user"))
		return clone3_flags(CLONE_NEWUSER);
	if (!strcmp(what, "clone"))
		return clone_flags(0);
	if (!strcmp(what, "bpf"))
		return syscall(SYS_bpf, 5, NULL, 0);
	if (!strcmp(what, "keyctl"))
		return syscall(SYS_keyctl, 0, -1, 1);
	if (!strcmp(what, "userfaultfd"))
		return syscall(SYS_userfaultfd, 1);
	if (!strcmp(what, "open-by-handle"))
		return syscall(SYS_open_by_handle_at, -1, params, 0);
	if (!strcmp(what, "connect"))
		return connect_unix(argv[2]);
	if (!strcmp(what, "mknod"))
		return mknod(argv[2], S_IFBLK | 0600, makedev(7, 0));
	if (!strcmp(what, "open-write"))
		return open(argv[2], O_WRONLY);
	if (!strcmp(what, "create"))
		return open(argv[2], O_WRONLY | O_CREAT, 0644);
	if (!strcmp(what, "ptrace"))
		return ptrace(PTRACE_SEIZE, (pid_t)number(argv, 2), 0, 0);
	if (!strcmp(what, "setuid"))
		return setuid(0);
#ifdef __x86_64__
	if (!strcmp(what, "x32-socket"))
		return syscall(0x40000000 | SYS_socket, (int)number(argv, 2), SOCK_DGRAM, 0);
	if (!strcmp(what, "i386-socket"))
		return i386_call(359, number(argv, 2), SOCK_DGRAM, 0);
	if (!strcmp(what, "i386-socketcall"))
		return i386_socketcall(1, (int)number(argv, 2));
	if (!strcmp(what, "i386-socketpair"))
		return i386_socketcall(8, (int)number(argv, 2));
	if (!strcmp(what, "i386-setsockopt"))
		return i386_socketcall(14, -1);
	if (!strcmp(what, "i386-unshare-user"))
		return i386_call(310, CLONE_NEWUSER, 0, 0);
	if (!strcmp(what, "i386-bpf"))
		return i386_call(357, 5, 0, 0);
#endif
	errno = EINVAL;
	return -1;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	errno = 0;
	puts(attempt(argv[1], argv) < 0 ? strerrorname_np(errno) : "ok");
	return 0;
}
