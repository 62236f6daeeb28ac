/* SPDX-License-Identifier: MPL-2.0 */
/* The clock that the kernel's expiry uses, and descriptors that Node does not know. */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
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
