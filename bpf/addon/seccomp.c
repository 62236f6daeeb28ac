// SPDX-License-Identifier: MPL-2.0
/* The system call filter (seccomp-filter.c) as the classic BPF program that bubblewrap's --seccomp wants. */
#define _GNU_SOURCE
#include "addon.h"
#include "seccomp-filter.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, uint8_t *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, to + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* libseccomp exports to a file descriptor only. Returns a Buffer, or NULL and *error below zero. */
static napi_value export_program(napi_env env, scmp_filter_ctx ctx, int *error)
{
	napi_value buffer = NULL;
	struct stat st;
	void *data;
	int fd;

	fd = memfd_create("torwacht-seccomp", MFD_CLOEXEC);
	if (fd < 0) {
		*error = -errno;
		return NULL;
	}
	*error = seccomp_export_bpf(ctx, fd);
	if (!*error && fstat(fd, &st) < 0)
		*error = -errno;
	if (!*error && napi_create_buffer(env, (size_t)st.st_size, &data, &buffer) != napi_ok)
		*error = -ENOMEM;
	if (!*error)
		*error = read_all(fd, data, (size_t)st.st_size);
	close(fd);
	return *error ? NULL : buffer;
}

static bool read_flag(napi_env env, napi_value object, const char *name, bool *to)
{
	napi_value value;

	return napi_get_named_property(env, object, name, &value) == napi_ok &&
	       napi_get_value_bool(env, value, to) == napi_ok;
}

static bool read_families(napi_env env, napi_value object, struct tw_seccomp_options *opts)
{
	napi_value list, item;
	uint32_t count, family;
	bool is_array = false;

	if (napi_get_named_property(env, object, "families", &list) != napi_ok ||
	    napi_is_array(env, list, &is_array) != napi_ok || !is_array ||
	    napi_get_array_length(env, list, &count) != napi_ok)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (napi_get_element(env, list, i, &item) != napi_ok ||
		    napi_get_value_uint32(env, item, &family) != napi_ok || family >= TW_MAX_FAMILIES)
			return false;
		opts->family[family] = true;
	}
	return true;
}

/*
 * seccompProgram({ families: number[], allowIoUring: boolean, allowUserNamespaces: boolean }): Buffer
 *
 * Throws TypeError for other arguments, Error with the errno's name for what libseccomp refuses.
 */
napi_value tw_seccomp_program(napi_env env, napi_callback_info info)
{
	struct tw_seccomp_options opts = { 0 };
	napi_value argv[1], result;
	napi_valuetype type;
	scmp_filter_ctx ctx;
	size_t argc = 1;
	char text[128];
	int error = 0;

	if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc != 1 ||
	    napi_typeof(env, argv[0], &type) != napi_ok || type != napi_object ||
	    !read_families(env, argv[0], &opts) ||
	    !read_flag(env, argv[0], "allowIoUring", &opts.io_uring) ||
	    !read_flag(env, argv[0], "allowUserNamespaces", &opts.user_namespaces)) {
		napi_throw_type_error(env, NULL,
				      "expected { families, allowIoUring, allowUserNamespaces }");
		return NULL;
	}
	ctx = tw_seccomp_filter(&opts, &error);
	if (!ctx)
		goto fail;
	result = export_program(env, ctx, &error);
	seccomp_release(ctx);
	if (result)
		return result;
fail:
	snprintf(text, sizeof(text), "the system call filter cannot be built: %s", strerror(-error));
	napi_throw_error(env, NULL, text);
	return NULL;
}
