/* SPDX-License-Identifier: MPL-2.0 */
/* Every map. Sizes are what an agent needs; the loader makes them smaller for a single target. */
#ifndef TW_MAPS_H
#define TW_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "layout.h"

/* Depths at which targets lie, as a bit mask, in element 0. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} levels SEC(".maps");

/* cgroup id -> slot */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TW_MAX_TARGETS);
	__type(key, __u64);
	__type(value, __u32);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_MAX_TARGETS);
	__type(key, __u32);
	__type(value, struct tw_target);
} targets SEC(".maps");

/* The policy word of each slot; user space stores to it through mmap, in one go. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_MAX_TARGETS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_MAX_TARGETS);
	__type(key, __u32);
	__type(value, struct tw_account);
} accounts SEC(".maps");

/* By the number of a name, which belongs to one target. An array: it is read without a call. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct tw_name);
} names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct tw_cidr_key);
	__type(value, struct tw_lines);
} cidrs SEC(".maps");

/* Addresses that a target got from DNS; holds for every policy table of the target. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_MMAPABLE);	/* its elements begin where a line of the cache does */
	__type(key, __u32);
	__type(value, struct tw_learned);
} learned SEC(".maps");

/* How to find an element of `learned`: read in place, without a look-up. Written once, before anything runs. */
struct tw_hashing tw_hashing SEC(".data.hashing");

/* The same, for the process after this one; no program reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tw_hashing);
} hashing SEC(".maps");

/* The machine's end of a target's link -> its slot; the backstop is attached to no other. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TW_MAX_TARGETS * TW_MAX_UPLINKS);
	__type(key, __u32);
	__type(value, __u32);
} uplinks SEC(".maps");

/*
 * TCP connections of nested containers, which have no socket any more where the backstop sees them, with
 * the name that each was opened for. Least recently used go first: then a segment is judged as new.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct tw_flow_key);
	__type(value, __u32);
} flows SEC(".maps");

/* Addresses of public DNS-over-HTTPS resolvers. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} doh SEC(".maps");

/* What a socket's next packet needs to know; an accepted socket starts with its listener's. */
struct tw_sock {
	__u32 target;		/* id of the target it belongs to */
	__u32 slot;
	/* The place that the verdict is for, read and written as one: TW_PLACE. */
	__u16 dport;
	__u8 proto;
	__u8 _zero;
	__u32 daddr;
	/* The name that its connection was opened for, and until when: as in tw_learned_name, and as one. */
	__u32 name;
	__u32 expires;
	__u32 table;		/* the verdict holds under this policy table; 0: none yet */
	__u32 origin_addr;	/* the DNS server that it asked before the redirect */
	__u16 origin_port;
	__u8 stream;		/* the kernel's own TCP: later segments open nothing */
	__u8 state;		/* enum tw_sock_state; room for the states of a name pinned to TLS */
	__u32 pid;		/* the process that used it last, as far as a hook saw */
	__u64 start;
};

/* Fields that stand together, as one number. */
typedef __u64 __attribute__((may_alias)) tw_both;
#define TW_BOTH(first) (*(tw_both *)&(first))
#define TW_PLACE(daddr, service) ((__u64)(daddr) << 32 | (service))
#define TW_PLACE_OF(s) TW_BOTH((s)->dport)
#define TW_OPENED(name, expires) ((__u64)(expires) << 32 | (name))

enum tw_sock_state {
	TW_SOCK_NEW,
	TW_SOCK_ALLOWED,
	TW_SOCK_OBSERVED,	/* refused, recorded, and let pass: do not record each packet */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tw_sock);
} sockets SEC(".maps");

/* The text behind the number of a name. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct tw_name_text);
} name_texts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_MAX_TARGETS);
	__type(key, __u32);
	__type(value, struct tw_kept);
} kept SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tw_numbers);
} numbers SEC(".maps");

/* pid -> identity. Least recently used go first; start tells a reused pid from the real one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct tw_process);
} processes SEC(".maps");

/* id of a cgroup -> what it is called; it may be gone before anyone looks into the tree. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct tw_part);
} parts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct tw_asker_key);
	__type(value, struct tw_asker);
} askers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct tw_row_key);
	__type(value, struct tw_row);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct tw_told_key);
	__type(value, struct tw_told);
} told_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_MAX_OUTPUTS);
	__type(key, __u32);
	__type(value, struct tw_output);
} outputs SEC(".maps");

/* By slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TW_MAX_TARGETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct tw_labels);
} labels SEC(".maps");

/* As many targets as 32 may make up all the names that each has rows for. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct tw_lookup_key);
	__type(value, struct tw_lookup);
} lookups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TW_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* An empty record, never written: what a new one starts as. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tw_process);
} blank SEC(".maps");

static __always_inline void tw_count(__u32 which)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &which);

	if (n)
		*n += 1;
}

#endif
