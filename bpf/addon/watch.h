/* SPDX-License-Identifier: MPL-2.0 */
/* A descriptor on libuv's loop: one call into JavaScript per wake-up. It does not keep the process alive. */
#ifndef TW_WATCH_H
#define TW_WATCH_H

#include "addon.h"
#include <uv.h>

/* First member of what has it, which is from calloc; `ready` and `gone` are given. */
struct tw_watch {
	uv_poll_t poll;		/* first: uv gives it back by this address */
	napi_env env;
	napi_ref callback;
	napi_async_context context;
	napi_async_cleanup_hook_handle cleanup;
	int owners;		/* the handle in JavaScript, and uv until it has closed */
	int closed;
	/* There is something to read. A handle scope is open. */
	void (*ready)(struct tw_watch *watch);
	/* Lets go of all that its owner holds, descriptor included, but not of the memory. */
	void (*gone)(struct tw_watch *watch);
};

/* 0, or -1 with an exception pending: then nothing of it is taken over. */
int tw_watch_start(napi_env env, struct tw_watch *watch, int fd, napi_value callback, const char *name);
/* What has started, as a handle, which has the memory from now on. */
napi_value tw_watch_handle(struct tw_watch *watch, const napi_type_tag *tag);
/* What the callback throws is an uncaught exception, as from any event. */
void tw_watch_tell(struct tw_watch *watch, size_t count, const napi_value *argv);
/* No wake-up any more; doing it twice is fine. */
void tw_watch_shut(struct tw_watch *watch);

#endif
