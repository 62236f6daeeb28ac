/* SPDX-License-Identifier: MPL-2.0 */
/* Doors of the host: files, devices, socket families, calls. Nothing is changed behind one that opens. */
#include "probe.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

static const char *closed(int fd)
{
	const char *said = outcome(fd);

	if (fd >= 0)
		close(fd);
	return said;
}

/* open-write PATH: opened for writing, and nothing written */
static const char *open_write(char **w, int count)
{
	(void)count;
	return closed(open(w[0], O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}

/* make-in FOLDER: a file without a name, which is gone when it is closed */
static const char *make_in(char **w, int count)
{
	(void)count;
	return closed(open(w[0], O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
}

/* make-device PATH: the machine's first loop device, by a name of ours */
static const char *make_device(char **w, int count)
{
	int result = mknod(w[0], S_IFBLK | 0600, makedev(7, 0));

	(void)count;
	if (!result)
		unlink(w[0]);
	return outcome(result);
}

/* socket FAMILY TYPE [PROTOCOL] */
static const char *make_socket(char **w, int count)
{
	return closed(socket(atoi(w[0]), atoi(w[1]) | SOCK_CLOEXEC, count > 2 ? atoi(w[2]) : 0));
}

static long next_bpf_link(void)
{
	union bpf_attr attr = { 0 };
	long result = syscall(SYS_bpf, BPF_LINK_GET_NEXT_ID, &attr, sizeof(attr));

	/* None to be found is an answer too. */
	return result < 0 && errno == ENOENT ? 0 : result;
}

static long new_bpf_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1,
	};

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long watch_performance(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr) };

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static long fault_by_hand(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC);
}

static long own_keyring(void)
{
	return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -4 /* the user's */, 1);
}

static long open_by_handle(void)
{
	struct file_handle *handle = calloc(1, sizeof(*handle) + MAX_HANDLE_SZ);
	int mount, root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	handle->handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(root, "etc", handle, &mount, 0))
		return -1;
	return open_by_handle_at(root, handle, O_RDONLY | O_CLOEXEC);
}

/* Types a letter into a terminal of its own, as a program does into the one that it was started from. */
static long type_into_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), terminal;

	if (master < 0 || grantpt(master) || unlockpt(master) || setsid() < 0)
		return -1;
	terminal = open(ptsname(master), O_RDWR | O_CLOEXEC);
	if (terminal < 0)
		return -1;
	ioctl(terminal, TIOCSCTTY, 0);
	return ioctl(terminal, TIOCSTI, "x");
}

/* hold-terminal FILE: makes one, writes its name there, and tells the first line that comes, in two minutes */
static const char *hold_terminal(char **w, int count)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), i;
	FILE *file = fopen(w[0], "we");
	char text[256];
	ssize_t n = -1;

	(void)count;
	if (master < 0 || !file || grantpt(master) || unlockpt(master))
		return outcome(-1);
	fprintf(file, "%s\n", ptsname(master));
	fclose(file);
	fcntl(master, F_SETFL, O_NONBLOCK);
	for (i = 0; n <= 0 && i < 6000; i++) {
		n = read(master, text, sizeof(text) - 1);
		usleep(20000);
	}
	close(master);
	if (n <= 0)
		return "nothing came";
	text[n] = 0;
	text[strcspn(text, "\r\n")] = 0;
	return sentence("%s", text);
}

static const struct {
	const char *name;
	long (*make)(void);
} calls[] = {
	{ "bpf-links", next_bpf_link },
	{ "bpf-map", new_bpf_map },
	{ "perf", watch_performance },
	{ "userfaultfd", fault_by_hand },
	{ "keyring", own_keyring },
	{ "open-by-handle", open_by_handle },
	{ "terminal", type_into_terminal },
};

static const char *make_call(char **w, int count)
{
	size_t i;

	(void)count;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, w[0]))
			return outcome(calls[i].make());
	return "no such call";
}

/* call NAME: in a child, which takes what it got with it */
static const char *call(char **w, int count)
{
	return in_child(make_call, w, count);
}

/* give-capability PATH: NET_RAW for whoever executes the file */
static const char *give_capability(char **w, int count)
{
	struct vfs_cap_data data = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data[0].permitted = 1u << CAP_NET_RAW,
	};

	(void)count;
	return outcome(setxattr(w[0], "security.capability", &data, sizeof(data), 0));
}

/* rights: who this is, and whether a raw socket can be had */
static const char *rights(char **w, int count)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	(void)w;
	(void)count;
	if (fd >= 0)
		close(fd);
	return sentence("%s, %s", geteuid() ? "user" : "root", fd < 0 ? "bare" : "raw");
}

const struct step door_steps[] = {
	{ "open-write", 1, open_write },
	{ "make-in", 1, make_in },
	{ "make-device", 1, make_device },
	{ "socket", 2, make_socket },
	{ "call", 1, call },
	{ "give-capability", 1, give_capability },
	{ "rights", 0, rights },
	{ "hold-terminal", 1, hold_terminal },
	{ 0 },
};
