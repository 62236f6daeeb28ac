/* SPDX-License-Identifier: MPL-2.0 */
/* Conversions between JavaScript values and C, and errors. */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

napi_value tw_throw_text(napi_env env, const char *code, const char *message)
{
	bool pending = false;

	napi_is_exception_pending(env, &pending);
	if (!pending)
		napi_throw_error(env, code, message);
	return NULL;
}

napi_value tw_throw(napi_env env, int error, const char *what)
{
	const char *name = strerrorname_np(error);
	char message[512];

	snprintf(message, sizeof(message), "%s: %s", what, strerror(error));
	return tw_throw_text(env, name ? name : "EIO", message);
}

/* An exception of the caller's own, thrown by a getter, stays the one that is seen. */
static int tw_type_error(napi_env env, const char *message)
{
	bool pending = false;

	napi_is_exception_pending(env, &pending);
	if (!pending)
		napi_throw_type_error(env, "EINVAL", message);
	return -1;
}

int tw_args(napi_env env, napi_callback_info info, size_t count, napi_value *argv)
{
	size_t given = count;

	if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok || given < count)
		return tw_type_error(env, "too few arguments");
	return 0;
}

int tw_string(napi_env env, napi_value value, char *out, size_t size)
{
	size_t length = 0;

	if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok)
		return tw_type_error(env, "a string is needed");
	if (length >= size)
		return tw_type_error(env, "the string is too long");
	napi_get_value_string_utf8(env, value, out, size, &length);
	if (strlen(out) != length)
		return tw_type_error(env, "the string holds a NUL");
	return 0;
}

int tw_uint32(napi_env env, napi_value value, uint32_t *out)
{
	double number;

	/* Written so that NaN fails before it is converted, which would be undefined. */
	if (napi_get_value_double(env, value, &number) != napi_ok ||
	    !(number >= 0 && number <= UINT32_MAX) || number != (double)(uint32_t)number)
		return tw_type_error(env, "a whole number of 32 bits is needed");
	*out = (uint32_t)number;
	return 0;
}

int tw_uint64(napi_env env, napi_value value, uint64_t *out)
{
	bool lossless = false;

	if (napi_get_value_bigint_uint64(env, value, out, &lossless) != napi_ok || !lossless)
		return tw_type_error(env, "a BigInt of 64 bits is needed");
	return 0;
}

int tw_bytes(napi_env env, napi_value value, void **data, size_t *size)
{
	bool buffer = false;

	if (napi_is_buffer(env, value, &buffer) != napi_ok || !buffer)
		return tw_type_error(env, "a Buffer is needed");
	napi_get_buffer_info(env, value, data, size);
	return 0;
}

const napi_type_tag tw_engine_tag = { 0x6b6e9a0c4f8141d2, 0x9a1f7d53c0e24b66 };
const napi_type_tag tw_link_tag = { 0x2d4b8f61a7c94e05, 0xb3d0e1f2947c5a18 };
const napi_type_tag tw_ring_tag = { 0x91c7035ed82a4bf4, 0x8e6f20b1d5937ac3 };
const napi_type_tag tw_host_links_tag = { 0xc3d15e80a96b4f27, 0x71f8e2b460dc95a3 };
const napi_type_tag tw_datagrams_tag = { 0x5fb2a90d16c3e874, 0xa47c1e8039d65f2b };

napi_value tw_handle(napi_env env, void *data, const napi_type_tag *tag, napi_finalize finalize)
{
	napi_value value = NULL;

	if (napi_create_external(env, data, finalize, NULL, &value) != napi_ok) {
		finalize(env, data, NULL);
		return tw_throw(env, ENOMEM, "handle");
	}
	if (napi_type_tag_object(env, value, tag) != napi_ok)
		return tw_throw(env, ENOMEM, "handle");
	return value;
}

int tw_unhandle(napi_env env, napi_value value, const napi_type_tag *tag, void **out)
{
	napi_valuetype type;
	bool ours = false;

	if (napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
	    napi_check_object_type_tag(env, value, tag, &ours) != napi_ok || !ours ||
	    napi_get_value_external(env, value, out) != napi_ok)
		return tw_type_error(env, "a handle of this addon is needed");
	return 0;
}

int tw_property(napi_env env, napi_value object, const char *name, napi_value *out)
{
	if (napi_get_named_property(env, object, name, out) != napi_ok)
		return tw_type_error(env, "an object is needed");
	return 0;
}

napi_value tw_undefined(napi_env env)
{
	napi_value value = NULL;

	napi_get_undefined(env, &value);
	return value;
}

napi_value tw_number(napi_env env, double number)
{
	napi_value value = NULL;

	napi_create_double(env, number, &value);
	return value;
}

void tw_set(napi_env env, napi_value object, const char *name, napi_value value)
{
	napi_set_named_property(env, object, name, value);
}

int tw_sized(napi_env env, napi_value value, void **data, size_t size)
{
	size_t given;

	if (tw_bytes(env, value, data, &given))
		return -1;
	if (given != size) {
		tw_throw_text(env, "EINVAL", "the Buffer is not of the map's size");
		return -1;
	}
	return 0;
}

napi_value tw_export_all(napi_env env, napi_value exports, const struct tw_export *list, size_t count)
{
	napi_value function;
	size_t i;

	for (i = 0; i < count; i++) {
		if (napi_create_function(env, list[i].name, NAPI_AUTO_LENGTH, list[i].function, NULL,
					 &function) != napi_ok)
			return NULL;
		tw_set(env, exports, list[i].name, function);
	}
	return exports;
}
