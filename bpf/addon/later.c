/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Work on another thread, with a promise of its result. What may wait long for the kernel goes there: links are
 * under one lock for the whole machine, which whoever starts and ends pods holds much of the time.
 */
#include "addon.h"
#include <errno.h>
#include <stdlib.h>

static void tw_execute(napi_env env, void *data)
{
	struct tw_job *job = data;

	(void)env;
	job->run(job);
}

static void tw_complete(napi_env env, napi_status status, void *data)
{
	struct tw_job *job = data;
	napi_value result, error;

	if (status != napi_ok)
		job->err = -ECANCELED;
	result = job->settle(env, job);
	if (result) {
		napi_resolve_deferred(env, job->deferred, result);
	} else {
		napi_get_and_clear_last_exception(env, &error);
		napi_reject_deferred(env, job->deferred, error);
	}
	napi_delete_async_work(env, job->work);
	free(job);
}

napi_value tw_later(napi_env env, struct tw_job *job, const char *name)
{
	napi_value text, promise = NULL;

	napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &text);
	if (napi_create_promise(env, &job->deferred, &promise) == napi_ok &&
	    napi_create_async_work(env, NULL, text, tw_execute, tw_complete, job, &job->work) == napi_ok &&
	    napi_queue_async_work(env, job->work) == napi_ok)
		return promise;
	/* What it holds is let go of by whoever settles it. */
	job->err = -EAGAIN;
	if (job->settle(env, job))
		tw_throw(env, EAGAIN, name);
	free(job);
	return NULL;
}
