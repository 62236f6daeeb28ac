/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The packet in hand. Programs see it through two numbers of 32 bits (struct __sk_buff), so it lies
 * below 4 GiB; under the address sanitizer every byte around what a program may read is poisoned.
 */
#define _GNU_SOURCE
#include "native.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <bpf/bpf_helpers.h>

#if defined(__SANITIZE_ADDRESS__)
#define TW_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TW_ASAN 1
#endif
#endif
#ifdef TW_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define TW_MARGIN 256
/* The kernel lets a frame begin so that its IP header is aligned (NET_IP_ALIGN). */
#define TW_IP_ALIGN 2
#define TW_ROOM (TW_MARGIN + TW_NATIVE_PACKET + TW_MARGIN)

static unsigned char *tw_room;
/* All of the packet, as bpf_skb_load_bytes reads it; programs may see less of it in place. */
static unsigned char tw_whole[TW_NATIVE_PACKET];
static size_t tw_whole_size;

static int tw_make_room(void)
{
	uintptr_t at;

	for (at = 0x10000000; !tw_room && at < 0x7f000000; at += 0x1000000) {
		void *got = mmap((void *)at, TW_ROOM, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (got == MAP_FAILED)
			continue;
		if ((uintptr_t)got + TW_ROOM <= UINT32_MAX)
			tw_room = got;
		else
			munmap(got, TW_ROOM);
	}
	return tw_room ? 0 : ENOMEM;
}

int tw_native_packet(struct __sk_buff *skb, const void *packet, size_t size, size_t linear, size_t l3)
{
	unsigned char *at;

	if (size > TW_NATIVE_PACKET || linear > size)
		return EINVAL;
	if (!tw_room && tw_make_room())
		return ENOMEM;
	at = tw_room + TW_MARGIN + (l3 ? TW_IP_ALIGN : 0);
	ASAN_UNPOISON_MEMORY_REGION(tw_room, TW_ROOM);
	memcpy(tw_whole, packet, size);
	tw_whole_size = size;
	memcpy(at, packet, linear);
	ASAN_POISON_MEMORY_REGION(tw_room, (size_t)(at - tw_room));
	ASAN_POISON_MEMORY_REGION(at + linear, (size_t)(tw_room + TW_ROOM - at) - linear);
	skb->len = (uint32_t)size;
	skb->data = (uint32_t)(uintptr_t)at;
	skb->data_end = (uint32_t)(uintptr_t)(at + linear);
	return 0;
}

int tw_native_frame(struct __sk_buff *skb, const void *frame, size_t size, uint32_t ifindex, int whole)
{
	size_t from = whole ? 0 : TW_ETHERNET;

	if (size < TW_ETHERNET)
		return EINVAL;
	memset(skb, 0, sizeof(*skb));
	/* Every type of ours is one of Ethernet II (net/ethernet/eth.c, eth_type_trans). */
	memcpy((char *)&skb->protocol, (const char *)frame + TW_ETHERNET - 2, 2);
	skb->ifindex = ifindex ? ifindex : 1;
	return tw_native_packet(skb, (const char *)frame + from, size - from, size - from,
				TW_ETHERNET - from);
}

long bpf_skb_load_bytes(const struct __sk_buff *skb, __u32 offset, void *to, __u32 size)
{
	(void)skb;
	if (offset > tw_whole_size || size > tw_whole_size - offset)
		return -EFAULT;
	memcpy(to, tw_whole + offset, size);
	return 0;
}

/* What it reads here is this process's own. */
long bpf_probe_read_kernel(void *to, __u32 size, const void *from)
{
	memcpy(to, from, size);
	return 0;
}
