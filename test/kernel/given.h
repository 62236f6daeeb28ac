/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What a test decides in place of the kernel: time, sockets and their cgroups, and who listens where.
 * The engine's own files are compiled behind this header, so that sequences of packets and connections
 * over several sockets run in BPF_PROG_TEST_RUN, which knows one socket and no time. The same header
 * serves the build for the host (test/native).
 */
#ifndef TW_GIVEN_H
#define TW_GIVEN_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "layout.h"
#include "maps.h"

struct tw_test_given {
	__u64 boot_ns;
	__u64 cgroup;		/* of the sender, at depth TW_TEST_LEVEL */
	__u32 now;		/* ticks */
	__u32 socket_name;
	__u32 addr[4];		/* as a hook gets it, wire order */
	__u32 socket;		/* element of test_sockets, from 1 on; 0: none */
	__u32 peer;		/* the same of whoever listens at the destination; 0: nobody */
	__u16 port_be;
	__u8 proto;
	__u8 local;
	__u8 ask;		/* enum tw_test_ask */
	__u8 stream;		/* the packet is one of a TCP socket of the kernel's own */
	__u8 hook;
	__u8 kernels_own;	/* the frame is of a socket that the kernel made for itself */
};

enum tw_test_ask {
	TW_TEST_PACKET,
	TW_TEST_ADDRESS4,
	TW_TEST_ADDRESS6,
};

#define TW_TEST_LEVEL 3
#define TW_TEST_SOCKETS 8

/* A socket of the test's: what the kernel shows of it, its storage, its cgroup. */
struct tw_test_socket {
	struct bpf_sock sk;
	struct tw_sock state;
	__u64 cgroup;
	__u64 stored;		/* it has a storage */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tw_test_given);
} given SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_TEST_SOCKETS);
	__type(key, __u32);
	__type(value, struct tw_test_socket);
} test_sockets SEC(".maps");

static __always_inline const struct tw_test_given *tw_test_given(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&given, &zero);
}

static __always_inline struct bpf_sock *tw_test_socket(__u32 number)
{
	__u32 index = number - 1;

	return number ? bpf_map_lookup_elem(&test_sockets, &index) : 0;
}

static __always_inline __u64 tw_test_jiffies(void)
{
	const struct tw_test_given *g = tw_test_given();

	return g ? (__u64)g->now << TW_TICK_SHIFT : 0;
}

static __always_inline __u64 tw_test_boot_ns(void)
{
	const struct tw_test_given *g = tw_test_given();

	return g ? g->boot_ns : 0;
}

static __always_inline __u64 tw_test_cgroup(int level)
{
	const struct tw_test_given *g = tw_test_given();

	return g && level == TW_TEST_LEVEL ? g->cgroup : 0;
}

/* Of the frame's socket; the kernel's own sockets are in the root's, whose number is 1. */
static __always_inline __u64 tw_test_cgroup_of_frame(void)
{
	const struct tw_test_given *g = tw_test_given();

	return g && g->kernels_own ? 1 : 2;
}

static __always_inline struct bpf_sock *tw_test_peer(void)
{
	const struct tw_test_given *g = tw_test_given();

	return g ? tw_test_socket(g->peer) : 0;
}

static __always_inline struct tw_sock *tw_test_storage(struct bpf_sock *sk, __u64 flags)
{
	struct tw_test_socket *s = (void *)sk;

	if (!s->stored) {
		if (!(flags & BPF_SK_STORAGE_GET_F_CREATE))
			return 0;
		__builtin_memset(&s->state, 0, sizeof(s->state));
		s->stored = 1;
	}
	return &s->state;
}

/* In place of the kernel's own types (bpf/direct.h). */
#define TW_DIRECT_H
static __always_inline const struct tw_sock *tw_direct_storage(struct bpf_sock *sk)
{
	return tw_test_storage(sk, 0);
}

#define bpf_jiffies64() tw_test_jiffies()
#define bpf_ktime_get_boot_ns() tw_test_boot_ns()
/* The packet is looked at, or clang would not pass it on, and the verifier wants to see it. */
#define bpf_skb_ancestor_cgroup_id(skb, level) ((skb)->len ? tw_test_cgroup(level) : 0)
#define bpf_skb_cgroup_id(skb) ((skb)->len ? tw_test_cgroup_of_frame() : 0)
#define bpf_get_current_ancestor_cgroup_id(level) tw_test_cgroup(level)
#define bpf_sk_lookup_tcp(ctx, tuple, size, netns, flags) ((void)(ctx), (void)(size), tw_test_peer())
#define bpf_sk_lookup_udp(ctx, tuple, size, netns, flags) ((void)(ctx), (void)(size), tw_test_peer())
#define bpf_sk_release(sk) ((void)(sk))
#define bpf_sk_fullsock(sk) (sk)
#define bpf_sk_ancestor_cgroup_id(sk, level) (((struct tw_test_socket *)(sk))->cgroup)
#define bpf_sk_storage_get(map, sk, value, flags) tw_test_storage(sk, flags)

/* Processes are evidence alone: without one a socket's user is unknown. */
#define TW_PROCESS_H
static __always_inline struct tw_process *tw_current_process(void)
{
	return 0;
}

#endif
