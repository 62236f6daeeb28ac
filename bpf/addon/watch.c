/* SPDX-License-Identifier: MPL-2.0 */
#include "watch.h"
#include <errno.h>
#include <stdlib.h>

static void tw_watch_ready(uv_poll_t *poll, int status, int events)
{
	struct tw_watch *watch = (struct tw_watch *)poll;
	napi_handle_scope scope;

	(void)status;
	(void)events;
	if (watch->closed)
		return;
	napi_open_handle_scope(watch->env, &scope);
	watch->ready(watch);
	napi_close_handle_scope(watch->env, scope);
}

void tw_watch_tell(struct tw_watch *watch, size_t count, const napi_value *argv)
{
	napi_value callback, receiver, thrown;

	napi_get_reference_value(watch->env, watch->callback, &callback);
	napi_get_global(watch->env, &receiver);
	if (napi_make_callback(watch->env, watch->context, receiver, callback, count, argv, NULL) ==
		    napi_pending_exception &&
	    napi_get_and_clear_last_exception(watch->env, &thrown) == napi_ok)
		napi_fatal_exception(watch->env, thrown);
}

static void tw_watch_release(struct tw_watch *watch)
{
	if (--watch->owners == 0)
		free(watch);
}

static void tw_watch_forgotten(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	tw_watch_release(data);
}

static void tw_watch_gone(uv_handle_t *handle)
{
	struct tw_watch *watch = (struct tw_watch *)handle;

	watch->gone(watch);
	napi_remove_async_cleanup_hook(watch->cleanup);
	tw_watch_release(watch);
}

void tw_watch_shut(struct tw_watch *watch)
{
	if (watch->closed)
		return;
	watch->closed = 1;
	napi_delete_reference(watch->env, watch->callback);
	napi_async_destroy(watch->env, watch->context);
	uv_poll_stop(&watch->poll);
	uv_close((uv_handle_t *)&watch->poll, tw_watch_gone);
}

/* The environment ends with it open: its loop may not be left with our handle in it. */
static void tw_watch_orphaned(napi_async_cleanup_hook_handle cleanup, void *data)
{
	(void)cleanup;
	tw_watch_shut(data);
}

int tw_watch_start(napi_env env, struct tw_watch *watch, int fd, napi_value callback, const char *name)
{
	napi_valuetype type;
	uv_loop_t *loop;
	napi_value text;
	int err;

	if (napi_typeof(env, callback, &type) != napi_ok || type != napi_function) {
		tw_throw_text(env, "EINVAL", "a function is needed");
		return -1;
	}
	napi_get_uv_event_loop(env, &loop);
	/* All that can fail comes before uv has a handle that it must close. */
	err = uv_poll_init(loop, &watch->poll, fd);
	if (err) {
		tw_throw(env, -err, name);
		return -1;
	}
	watch->env = env;
	napi_create_reference(env, callback, 1, &watch->callback);
	napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &text);
	napi_async_init(env, NULL, text, &watch->context);
	napi_add_async_cleanup_hook(env, tw_watch_orphaned, watch, &watch->cleanup);
	uv_poll_start(&watch->poll, UV_READABLE, tw_watch_ready);
	uv_unref((uv_handle_t *)&watch->poll);
	watch->owners = 2;
	return 0;
}

napi_value tw_watch_handle(struct tw_watch *watch, const napi_type_tag *tag)
{
	return tw_handle(watch->env, watch, tag, tw_watch_forgotten);
}
