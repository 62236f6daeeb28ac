/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Evidence: one row per (target, process, destination, reason), counted in the kernel. The first of a
 * row is an event with the process's identity. A target may hold so many rows; beyond that each process
 * has one more for all its destinations, and beyond a quarter more of those the overflow counts exactly:
 * a flood of destinations hides no process and no attempt. What was allowed has a budget of its own: it
 * can take no row from a refusal.
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
	/* By the helper: a copy written out is two hundred instructions more for the verifier, each time. */
	if (e->has_process)
		bpf_probe_read_kernel(&e->process, sizeof(e->process), p);
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

/* Counts in a row that is there, or that may be made; 0 when `used` has reached the budget. */
static __attribute__((noinline)) int tw_count_row(const struct tw_row_key *key, __u32 *used,
						  __u32 budget, __u64 *overflow)
{
	struct tw_row *row = bpf_map_lookup_elem(&rows, key), fresh;
	__u64 now = bpf_ktime_get_boot_ns();

	if (row) {
		tw_bump(row, now);
		return 1;
	}
	/* May pass the budget by as many as there are processors: it bounds memory, not counts. */
	if (*used >= budget)
		return 0;
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
		return 1;
	}
	__sync_fetch_and_add(used, 1);
	tw_emit(key, now);
	return 1;
}

static __attribute__((noinline)) void tw_record(const struct tw_held *h, const struct tw_row_key *key)
{
	__u32 slot = h->slot, budget = h->target->row_budget;
	struct tw_row_key rest;
	struct tw_account *a;

	if (key->reason == TW_PROBE) {
		tw_count(TW_PROBES_REFUSED);
		return;
	}
	a = bpf_map_lookup_elem(&accounts, &slot);
	if (!a)
		return;
	if (tw_allows(key->reason)) {
		if (!tw_count_row(key, &a->allowed_rows, budget, &a->allowed_overflow))
			__sync_fetch_and_add(&a->allowed_overflow, 1);
		return;
	}
	if (tw_count_row(key, &a->rows, budget, &a->overflow))
		return;
	/* One row for all the rest of this process: who floods the rows hides no other process. */
	rest = *key;
	rest.hook = TW_HOOK_ANY;
	rest.name = rest.port = 0;
	__builtin_memset(rest.addr, 0, sizeof(rest.addr));
	if (!tw_count_row(&rest, &a->rows, budget + budget / 4, &a->overflow))
		__sync_fetch_and_add(&a->overflow, 1);
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
