/* SPDX-License-Identifier: MPL-2.0 */
/* What the system call filter of `torwacht run` lets through, and the filter. */
#ifndef TW_SECCOMP_FILTER_H
#define TW_SECCOMP_FILTER_H

#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#define TW_MAX_FAMILIES 64

struct tw_seccomp_options {
	bool family[TW_MAX_FAMILIES];
	bool io_uring;
	bool user_namespaces;
};

/* The caller releases it; NULL and *error below zero when it cannot be built. */
scmp_filter_ctx tw_seccomp_filter(const struct tw_seccomp_options *opts, int *error);

#endif
