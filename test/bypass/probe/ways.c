/* SPDX-License-Identifier: MPL-2.0 */
/* Ways of a process to another place: out of its cgroup, into other namespaces, away from its parents. */
#include "probe.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* Where the cgroup2 tree is mounted; the path stays until the next call. */
static const char *cgroup_mount(void)
{
	static char at[512];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[1024];

	at[0] = 0;
	while (mounts && !at[0] && fgets(line, sizeof(line), mounts))
		if (strstr(line, " - cgroup2 "))
			sscanf(line, "%*s %*s %*s %*s %511s", at);
	if (mounts)
		fclose(mounts);
	return at;
}

static int join_cgroup(const char *folder)
{
	char file[600];

	snprintf(file, sizeof(file), "%s/cgroup.procs", folder);
	return put(file, "0");
}

static int to_cgroup_root(void)
{
	return join_cgroup(cgroup_mount());
}

/* A cgroup that a step makes, as far as it may. It goes when it is empty: the parent of the step removes it. */
static char made_cgroup[600];

static int to_new_cgroup(void)
{
	if (mkdir(made_cgroup, 0755) && errno != EEXIST)
		return -1;
	return join_cgroup(made_cgroup);
}

/* Into the topmost cgroup that a mount of its own shows, or into a new one below it. */
static int mount_cgroups(int below)
{
	char folder[] = "./again-XXXXXX", child[64];

	if (!mkdtemp(folder) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", folder, "cgroup2", 0, NULL))
		return -1;
	snprintf(child, sizeof(child), "%s%s", folder, strrchr(made_cgroup, '/'));
	if (!below)
		return join_cgroup(folder);
	return mkdir(child, 0755) ? -1 : join_cgroup(child);
}

static int mount_cgroups_again(void)
{
	return mount_cgroups(0);
}

/* Goes on in a process that clone3 put into the root cgroup: no file is written for that. */
static int fork_into_cgroup(void)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	int folder = open(cgroup_mount(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long pid;

	if (folder < 0)
		return -1;
	args.cgroup = (__u64)folder;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid > 0) {
		waitpid((pid_t)pid, NULL, 0);
		_exit(0);
	}
	return pid < 0 ? -1 : 0;
}

static void map_user(uid_t uid, gid_t gid)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", uid);
	snprintf(gids, sizeof(gids), "0 %u 1", gid);
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", uids);
	put("/proc/self/gid_map", gids);
}

/* Root of a user namespace of its own: every capability, over what is made in it. */
static int new_user(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER))
		return -1;
	/* Root without SETFCAP cannot be mapped, and has the capabilities all the same. */
	map_user(uid, gid);
	return 0;
}

static int new_user_by_clone(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid > 0) {
		waitpid((pid_t)pid, NULL, 0);
		_exit(0);
	}
	return pid < 0 ? -1 : 0;
}

static int new_user_and_cgroups(void)
{
	return new_user() || unshare(CLONE_NEWCGROUP) ? -1 : mount_cgroups_again();
}

static int new_cgroup_below(void)
{
	return new_user() || unshare(CLONE_NEWCGROUP) ? -1 : mount_cgroups(1);
}

/* Out of the network namespace and back into it: rules that were bound to its sockets stay behind. */
static int out_and_back(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	return home < 0 || unshare(CLONE_NEWNET) || setns(home, CLONE_NEWNET) ? -1 : 0;
}

int new_network(void)
{
	return unshare(CLONE_NEWNET) && (new_user() || unshare(CLONE_NEWNET)) ? -1 : 0;
}

/*
 * A new network namespace with a cable into the old one, which then forwards. The end inside bears the
 * lab's mark: all that it leads to is the lab.
 */
static int lay_cable(void)
{
	char script[1024];

	if (new_network())
		return -1;
	snprintf(script, sizeof(script),
		 "exec 2>/dev/null; set -e; ip link set lo up; "
		 "ip link add twlab-mark type veth peer name twlab-cable netns %d; "
		 "ip addr add 10.99.0.2/30 dev twlab-mark; ip link set twlab-mark up; "
		 "ip route add default via 10.99.0.1; nsenter --net=/proc/%d/ns/net sh -ec '"
		 "ip addr add 10.99.0.1/30 dev twlab-cable; ip link set twlab-cable up; "
		 "echo 1 >/proc/sys/net/ipv4/ip_forward'",
		 getppid(), getppid());
	if (!system(script))
		return 0;
	errno = EPERM;	/* what ip was told */
	return -1;
}

/* Two forks and a session of its own: nobody's child, and no terminal's. */
static int daemonize(void)
{
	pid_t pid = fork();

	if (pid > 0) {
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	if (pid < 0 || setsid() < 0)
		return -1;
	pid = fork();
	if (pid > 0)
		_exit(0);
	return pid < 0 || chdir("/") ? -1 : 0;
}

/* ns:PATH: the network namespace of someone else */
static int join_network(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}

static const struct {
	const char *name;
	int (*go)(void);
} ways[] = {
	{ "cgroup-root", to_cgroup_root },
	{ "new-cgroup", to_new_cgroup },
	{ "cgroup-mount", mount_cgroups_again },
	{ "fork-into-cgroup", fork_into_cgroup },
	{ "user", new_user },
	{ "user-by-clone", new_user_by_clone },
	{ "user-cgroup-mount", new_user_and_cgroups },
	{ "user-cgroup-below", new_cgroup_below },
	{ "netns-and-back", out_and_back },
	{ "cable", lay_cable },
	{ "daemon", daemonize },
};

int go_way(const char *name)
{
	size_t i;

	if (!strncmp(name, "ns:", 3))
		return join_network(name + 3);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, name))
			return ways[i].go();
	return NO_SUCH_WAY;
}

void prepare_ways(void)
{
	snprintf(made_cgroup, sizeof(made_cgroup), "%s/twprobe-%d", cgroup_mount(), getpid());
}

void leave_ways(void)
{
	rmdir(made_cgroup);
}
