/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Stands in for libbpf's bpf_helpers.h where the engine is compiled for this host: the macros that maps
 * and programs are written with, and the helpers that are left beside test/kernel/given.h as functions.
 */
#ifndef TW_SHIM_BPF_HELPERS_H
#define TW_SHIM_BPF_HELPERS_H

#include <linux/types.h>

#define SEC(name)
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))

#define __uint(name, val) int (*name)[val]
#define __type(name, val) __typeof__(val) *name

struct __sk_buff;

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
long bpf_map_delete_elem(void *map, const void *key);
long bpf_skb_load_bytes(const struct __sk_buff *skb, __u32 offset, void *to, __u32 size);
long bpf_probe_read_kernel(void *to, __u32 size, const void *from);
void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *record, __u64 flags);

#endif
