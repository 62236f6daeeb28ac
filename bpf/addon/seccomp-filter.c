// SPDX-License-Identifier: MPL-2.0
/*
 * The system call filter of `torwacht run`, as the classic BPF program that bubblewrap's --seccomp
 * wants. It closes what a capability set cannot: socket families that no cgroup hook of ours sees,
 * io_uring (it makes sockets without a system call per socket), new user namespaces (they would give
 * every capability back), steering of shared ports, and typing into the caller's terminal (TIOCSTI).
 *
 * One filter per ABI is built and then merged, so that a 32-bit call is judged by its own table. A call
 * through an ABI without a table (x32) ends with ENOSYS.
 */
#include "seccomp-filter.h"
#include <errno.h>
#include <linux/sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define LOW_32_BITS 0xffffffffULL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Numbers of the call that the i386 call socketcall(2) multiplexes, linux/net.h. */
#define SOCKETCALL_SOCKET 1
#define SOCKETCALL_SOCKETPAIR 8
#define SOCKETCALL_SETSOCKOPT 14

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

struct refusal {
	const char *name;
	int error;
};

/* Refused always: each acts on the host as a whole, or reaches past what mounts and cgroups hold. */
static const struct refusal refused[] = {
	{ "bpf", EPERM },
	{ "perf_event_open", EPERM },
	{ "userfaultfd", EPERM },
	{ "kexec_load", EPERM },
	{ "kexec_file_load", EPERM },
	{ "init_module", EPERM },
	{ "finit_module", EPERM },
	{ "delete_module", EPERM },
	{ "open_by_handle_at", EPERM },
	{ "add_key", EPERM },
	{ "request_key", EPERM },
	{ "keyctl", EPERM },
	{ "reboot", EPERM },
	{ "swapon", EPERM },
	{ "swapoff", EPERM },
	{ "acct", EPERM },
	{ "quotactl", EPERM },
	{ "settimeofday", EPERM },
	{ "clock_settime", EPERM },
	/*
	 * CLONE_INTO_CGROUP starts a process in any cgroup of which a folder can be opened, also on a
	 * read-only mount (kernel/cgroup/cgroup.c, cgroup_css_set_fork); and its flags lie in memory, where
	 * a filter cannot look. ENOSYS makes every libc fall back to clone.
	 */
	{ "clone3", ENOSYS },
};

/* ENOSYS makes libuv, Go and the like fall back to epoll and threads. */
static const struct refusal refused_io_uring[] = {
	{ "io_uring_setup", ENOSYS },
	{ "io_uring_enter", ENOSYS },
	{ "io_uring_register", ENOSYS },
};

/*
 * Mounting needs CAP_SYS_ADMIN, which only a new user namespace could give; so this list falls with
 * the refusal of user namespaces.
 */
static const struct refusal refused_user_namespaces[] = {
	{ "mount", EPERM },
	{ "umount2", EPERM },
	{ "pivot_root", EPERM },
	{ "setns", EPERM },
	{ "fsopen", EPERM },
	{ "fsmount", EPERM },
	{ "fspick", EPERM },
	{ "move_mount", EPERM },
	{ "open_tree", EPERM },
	{ "mount_setattr", EPERM },
};

/*
 * Calls are named by the machine's own numbers; libseccomp translates them for the other ABI, and
 * leaves out what an ABI never had.
 */
static int refuse(scmp_filter_ctx ctx, const struct refusal *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int nr = seccomp_syscall_resolve_name(list[i].name);
		int err;

		if (nr == __NR_SCMP_ERROR)
			return -ENOSYS;
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(list[i].error), nr, 0);
		if (err)
			return err;
	}
	return 0;
}

/*
 * socket() and socketpair() with any family but the allowed ones. The comparisons are of 64 bits while
 * the kernel reads an int: whatever stands in the upper half makes the family unknown, and is refused.
 */
static int refuse_families(scmp_filter_ctx ctx, const struct tw_seccomp_options *opts, int nr)
{
	const uint32_t action = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	int err;

	for (unsigned int family = 0; family < TW_MAX_FAMILIES; family++) {
		if (opts->family[family])
			continue;
		err = seccomp_rule_add(ctx, action, nr, 1, SCMP_A0(SCMP_CMP_EQ, family));
		if (err)
			return err;
	}
	return seccomp_rule_add(ctx, action, nr, 1, SCMP_A0(SCMP_CMP_GE, TW_MAX_FAMILIES));
}

/*
 * i386 can make a socket and set its options through socketcall(2), whose arguments lie in memory:
 * refused there, so that a 32-bit program must use the direct call, which the filter can read.
 */
static int refuse_socketcall(scmp_filter_ctx ctx)
{
	const uint32_t action = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	const unsigned int calls[] = { SOCKETCALL_SOCKET, SOCKETCALL_SOCKETPAIR,
				       SOCKETCALL_SETSOCKOPT };
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		err = seccomp_rule_add(ctx, action, SCMP_SYS(socketcall), 1,
				       SCMP_A0(SCMP_CMP_EQ, calls[i]));
		if (err)
			return err;
	}
	return 0;
}

/*
 * A program that chooses among the sockets of a shared port: the hooks ask which socket a local packet
 * would reach, and are told what the port's hash says, while the packet goes where the program says. So
 * a command could join the port of its user's service, and have it handed what it sends to itself.
 */
static int refuse_steering(scmp_filter_ctx ctx)
{
	const unsigned int options[] = { SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF };
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setsockopt), 2,
				       SCMP_A1(SCMP_CMP_MASKED_EQ, LOW_32_BITS, SOL_SOCKET),
				       SCMP_A2(SCMP_CMP_MASKED_EQ, LOW_32_BITS, options[i]));
		if (err)
			return err;
	}
	return 0;
}

/* The kernel reads the command as 32 bits; a comparison of all 64 could be passed by an upper half. */
static int refuse_ioctl(scmp_filter_ctx ctx, unsigned int command)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				SCMP_A1(SCMP_CMP_MASKED_EQ, LOW_32_BITS, command));
}

static int refuse_new_user_namespaces(scmp_filter_ctx ctx)
{
	const uint32_t action = SCMP_ACT_ERRNO(EPERM);
	const struct scmp_arg_cmp flag = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER);
	int err;

	err = seccomp_rule_add(ctx, action, SCMP_SYS(clone), 1, flag);
	if (err)
		return err;
	err = seccomp_rule_add(ctx, action, SCMP_SYS(unshare), 1, flag);
	if (err)
		return err;
	return refuse(ctx, refused_user_namespaces, ARRAY_SIZE(refused_user_namespaces));
}

static int add_rules(scmp_filter_ctx ctx, const struct tw_seccomp_options *opts)
{
	int err;

	err = refuse(ctx, refused, ARRAY_SIZE(refused));
	if (err)
		return err;
	if (!opts->io_uring) {
		err = refuse(ctx, refused_io_uring, ARRAY_SIZE(refused_io_uring));
		if (err)
			return err;
	}
	if (!opts->user_namespaces) {
		err = refuse_new_user_namespaces(ctx);
		if (err)
			return err;
	}
	err = refuse_socketcall(ctx);
	if (err)
		return err;
	err = refuse_steering(ctx);
	if (err)
		return err;
	err = refuse_families(ctx, opts, SCMP_SYS(socket));
	if (err)
		return err;
	err = refuse_families(ctx, opts, SCMP_SYS(socketpair));
	if (err)
		return err;
	err = refuse_ioctl(ctx, TIOCSTI);
	if (err)
		return err;
	return refuse_ioctl(ctx, TIOCLINUX);
}

/* A filter for one ABI alone; NULL and *error below zero when libseccomp refuses. */
static scmp_filter_ctx filter_for(uint32_t arch, const struct tw_seccomp_options *opts, int *error)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx) {
		*error = -ENOMEM;
		return NULL;
	}
	*error = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (!*error && arch != seccomp_arch_native()) {
		*error = seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
		if (!*error)
			*error = seccomp_arch_add(ctx, arch);
	}
	if (!*error)
		*error = add_rules(ctx, opts);
	if (*error) {
		seccomp_release(ctx);
		return NULL;
	}
	return ctx;
}

/* The 32-bit ABI that a 64-bit kernel of this machine also serves; 0 when there is none. */
static int second_abi(uint32_t *arch)
{
	switch (seccomp_arch_native()) {
	case SCMP_ARCH_X86_64:
		*arch = SCMP_ARCH_X86;
		return 0;
	case SCMP_ARCH_AARCH64:
		*arch = SCMP_ARCH_ARM;
		return 0;
#ifdef SCMP_ARCH_RISCV64
	case SCMP_ARCH_RISCV64:
		*arch = 0;
		return 0;
#endif
	default:
		/* Other machines order clone's arguments or multiplex sockets differently: not checked. */
		return -EOPNOTSUPP;
	}
}

scmp_filter_ctx tw_seccomp_filter(const struct tw_seccomp_options *opts, int *error)
{
	scmp_filter_ctx ctx, other;
	uint32_t second = 0;

	*error = second_abi(&second);
	if (*error)
		return NULL;
	ctx = filter_for(seccomp_arch_native(), opts, error);
	if (!ctx || !second)
		return ctx;
	other = filter_for(second, opts, error);
	if (!other) {
		seccomp_release(ctx);
		return NULL;
	}
	/* On success the first filter owns the second. */
	*error = seccomp_merge(ctx, other);
	if (*error) {
		seccomp_release(other);
		seccomp_release(ctx);
		return NULL;
	}
	return ctx;
}
