/* SPDX-License-Identifier: MPL-2.0 */
/* The clock that the kernel's expiry uses, and descriptors that Node does not know. */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

static void tw_trim(struct tw_job *job)
{
	(void)job;
	malloc_trim(0);
}

static napi_value tw_trimmed(napi_env env, struct tw_job *job)
{
	return job->err < 0 ? tw_throw(env, -job->err, "releaseMemory") : tw_undefined(env);
}

/* releaseMemory() -> promise; the system has back what malloc keeps free between what is in use */
napi_value tw_release_memory(napi_env env, napi_callback_info info)
{
	struct tw_job *job = calloc(1, sizeof(*job));

	(void)info;
	if (!job)
		return tw_throw(env, ENOMEM, "releaseMemory");
	job->run = tw_trim;
	job->settle = tw_trimmed;
	return tw_later(env, job, "torwacht.memory");
}

/* jiffy() -> nanoseconds of one jiffy: the resolution of the coarse clocks, which the tick updates */
napi_value tw_jiffy(napi_env env, napi_callback_info info)
{
	struct timespec resolution;

	(void)info;
	clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
	return tw_number(env, (double)resolution.tv_sec * 1e9 + (double)resolution.tv_nsec);
}

/*
 * lock(folder) -> descriptor; the folder is ours until it is closed, by the end of this process at the latest.
 * EAGAIN: it is another's.
 */
napi_value tw_lock(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	char path[4096];
	int fd, err;

	if (tw_args(env, info, 1, argv) || tw_string(env, argv[0], path, sizeof(path)))
		return NULL;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return tw_throw(env, errno, path);
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return tw_number(env, fd);
	err = errno;
	close(fd);
	return tw_throw(env, err, path);
}

/* The system calls themselves: the C library would change every thread, and those that load programs need root. */
static int own_groups(size_t count, const gid_t *groups)
{
	return (int)syscall(SYS_setgroups, count, groups);
}

static int open_as(const char *path, int flags, uid_t uid, gid_t gid, size_t count, const gid_t *groups)
{
	gid_t before[NGROUPS_MAX];
	int had = getgroups(NGROUPS_MAX, before);
	int fd, err;

	if (had < 0 || own_groups(count, groups))
		return -1;
	setfsgid(gid);
	setfsuid(uid);
	/* Neither tells of a failure: the second call changes nothing and says what holds. */
	if (setfsgid((gid_t)-1) == (int)gid && setfsuid((uid_t)-1) == (int)uid) {
		fd = open(path, flags | O_CLOEXEC, 0644);
		err = errno;
	} else {
		fd = -1;
		err = EPERM;
	}
	setfsuid(geteuid());
	setfsgid(getegid());
	if (own_groups((size_t)had, before))
		abort();
	errno = err;
	return fd;
}

/*
 * openAs(path, flags, uid, gid, groups) -> descriptor, opened by the rights of that user over files, which this
 * thread alone has meanwhile; `groups` are their numbers, 32 bits each. What is made has mode 0644.
 */
napi_value tw_open_as(napi_env env, napi_callback_info info)
{
	napi_value argv[5];
	uint32_t flags, uid, gid;
	char path[4096];
	size_t size;
	void *groups;
	int fd;

	if (tw_args(env, info, 5, argv) || tw_string(env, argv[0], path, sizeof(path)) ||
	    tw_uint32(env, argv[1], &flags) || tw_uint32(env, argv[2], &uid) ||
	    tw_uint32(env, argv[3], &gid) || tw_bytes(env, argv[4], &groups, &size))
		return NULL;
	fd = open_as(path, (int)flags, uid, gid, size / sizeof(gid_t), groups);
	return fd < 0 ? tw_throw(env, errno, path) : tw_number(env, fd);
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
