/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Evidence: one row per (target, process, destination, reason), counted in the kernel. The first of a
 * row is an event with the process's identity. A target may hold so many rows; beyond that its
 * overflow counts exactly, so a flood of destinations hides nothing and starves nobody. What was allowed
 * has a budget of its own: it can take no row from a refusal.
 */
#ifndef TW_EVIDENCE_H
#define TW_EVIDENCE_H

#include "verdict.h"
#include "target.h"

/* A function of its own, so that the event's layout is in the object's BTF for the layout test. */
static __attribute__((noinline)) int tw_fill_event(struct tw_event *e, const struct tw_row_key *key,
						   __u64 now)
{
	__u32 pid = key->pid;
	struct tw_process *p = pid ? bpf_map_lookup_elem(&processes, &pid) : 0;

	e->time = now;
	e->row = *key;
	e->has_process = p && p->start == key->start;
	e->_pad = 0;
	if (e->has_process)
		e->process = *p;
	return 0;
}

static __always_inline void tw_emit(const struct tw_row_key *key, __u64 now)
{
	struct tw_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		tw_count(TW_EVENTS_LOST);
		return;
	}
	tw_fill_event(e, key, now);
	bpf_ringbuf_submit(e, 0);
}

static __always_inline void tw_bump(struct tw_row *row, __u64 now)
{
	__sync_fetch_and_add(&row->count, 1);
	row->last = now;
}

static __attribute__((noinline)) void tw_record(const struct tw_held *h, const struct tw_row_key *key)
{
	struct tw_row *row = bpf_map_lookup_elem(&rows, key), fresh;
	__u64 now = bpf_ktime_get_boot_ns(), *overflow;
	__u32 slot = h->slot, *used;
	struct tw_account *a;

	if (key->reason == TW_PROBE) {
		tw_count(TW_PROBES_REFUSED);
		return;
	}
	if (row) {
		tw_bump(row, now);
		return;
	}
	a = bpf_map_lookup_elem(&accounts, &slot);
	if (!a)
		return;
	overflow = tw_allows(key->reason) ? &a->allowed_overflow : &a->overflow;
	used = tw_allows(key->reason) ? &a->allowed_rows : &a->rows;
	/* May pass the budget by as many as there are processors: it bounds memory, not counts. */
	if (*used >= h->target->row_budget) {
		__sync_fetch_and_add(overflow, 1);
		return;
	}
	fresh.count = 1;	/* field by field: a constant to copy from would make a section */
	fresh.first = fresh.last = now;
	if (bpf_map_update_elem(&rows, key, &fresh, BPF_NOEXIST)) {
		row = bpf_map_lookup_elem(&rows, key);	/* another processor was first, or no room */
		if (row) {
			tw_bump(row, now);
		} else {
			__sync_fetch_and_add(overflow, 1);
			tw_count(TW_ROWS_FULL);
		}
		return;
	}
	__sync_fetch_and_add(used, 1);
	tw_emit(key, now);
}

static __always_inline void tw_row_key(struct tw_row_key *key, const struct tw_held *h,
				       const struct tw_query *q, __u64 verdict,
				       const __u32 *addr6)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->target = h->target->id;
	key->table = TW_POLICY_TABLE(h->word);
	key->name = TW_V_NAME(verdict);
	if (addr6) {
		__builtin_memcpy(key->addr, addr6, sizeof(key->addr));
	} else {
		key->addr[2] = __builtin_bswap32(0xffff);
		key->addr[3] = __builtin_bswap32(q->daddr);
	}
	key->port = q->dport;
	key->rule = TW_V_RULE(verdict);
	key->proto = q->proto;
	key->reason = TW_V_REASON(verdict);
	key->passed = tw_passes(h->word, verdict);
	key->hook = q->hook;
}

#endif
