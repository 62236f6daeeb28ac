/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A socket's storage without a call into the kernel, where the kernel lets a program follow its pointers
 * (bpf_rdonly_cast, 6.2): what bpf_sk_storage_get would find in the socket's cache of storages, and what
 * is found so can be read only. Nothing is also the answer where another storage took the place in that
 * cache; then the call finds ours, and puts it back there.
 */
#ifndef TW_DIRECT_H
#define TW_DIRECT_H

#include <bpf/bpf_core_read.h>
#include "kernel.h"
#include "maps.h"

extern void *bpf_rdonly_cast(const void *pointer, __u32 type) __ksym __weak;

#define TW_CAST(pointer, type) \
	((const type *)bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(type)))

static __always_inline const struct tw_sock *tw_direct_storage(struct bpf_sock *sk)
{
	const struct bpf_local_storage_map *ours = (const void *)&sockets;
	const struct bpf_local_storage *storage = TW_CAST(sk, struct sock)->sk_bpf_storage;
	const struct bpf_local_storage_data *found;
	const void *place;

	if (!storage)
		return 0;
	/* The verifier does not know the index: what begins at that place is to be the same type once more. */
	place = (const void *)storage + ours->cache_idx * sizeof(void *);
	found = TW_CAST(place, struct bpf_local_storage)->cache[0];
	return found && found->smap == ours ? (const void *)found->data : 0;
}

#endif
