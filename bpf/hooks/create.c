/* SPDX-License-Identifier: MPL-2.0 */
/*
 * cgroup/sock_create: ties every new socket, raw ones included, to its target and to the process that
 * made it. A socket's storage can be had here since 5.9; without this object the address hooks do it
 * at the first connect, send or bind, and only a raw socket's packets have no process.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../process.h"
#include "../socket.h"
#include "../target.h"

SEC("cgroup/sock_create")
int tw_create(struct bpf_sock *sk)
{
	struct tw_process *p;
	struct tw_held h;
	struct tw_sock *s;

	if (!tw_hold_slot(&h, tw_slot_of_current()))
		return 1;	/* no harm: its packets are judged by the socket's cgroup */
	s = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s) {
		tw_count(TW_STORAGE_FAILED);
		return 1;
	}
	tw_own_socket(s, &h);
	s->stream = tw_is_stream(sk->type, sk->protocol);
	if (s->stream)
		return 1;	/* whoever binds or connects it is asked there */
	p = tw_current_process();
	if (p) {
		s->pid = p->pid;
		s->start = p->start;
	}
	return 1;
}
