/* SPDX-License-Identifier: MPL-2.0 */
/* Which target is this? A socket says so itself once it was seen; before that its cgroup does. */
#ifndef TW_TARGET_H
#define TW_TARGET_H

#include "maps.h"
#include "verdict.h"

struct tw_held {
	const struct tw_target *target;
	__u64 word;		/* its policy word, 0: nothing in force */
	__u32 slot;
};

static __always_inline int tw_hold_slot(struct tw_held *h, __u32 slot)
{
	__u64 *word;

	h->slot = slot;
	h->target = bpf_map_lookup_elem(&targets, &slot);
	word = bpf_map_lookup_elem(&policies, &slot);
	if (!h->target || !word)
		return 0;
	h->word = *(volatile __u64 *)word;
	return h->target->id && h->word;
}

static __always_inline int tw_hold_socket(struct tw_held *h, const struct tw_sock *s)
{
	return s->target && tw_hold_slot(h, s->slot) && h->target->id == s->target;
}

/* What a cgroup hook returns. */
#define TW_PASS 1
#define TW_REFUSE 0

/*
 * The slot of the target that a cgroup lies in, or a number that no slot has. ANCESTOR(level) gives the
 * id of the cgroup at that depth above the subject, or 0.
 */
#define TW_NO_SLOT 0x7fffffff
#define TW_FIND_SLOT(ANCESTOR)                                                                \
	({                                                                                    \
		__u32 _zero = 0, *_slot, _found = TW_NO_SLOT;                                 \
		__u64 *_mask = bpf_map_lookup_elem(&levels, &_zero), _id;                     \
		int _level;                                                                   \
		for (_level = TW_MAX_LEVELS - 1; _mask && _level >= 0; _level--) {            \
			if (!(*_mask >> _level & 1))                                          \
				continue;                                                     \
			_id = ANCESTOR(_level);                                               \
			_slot = _id ? bpf_map_lookup_elem(&cgroups, &_id) : 0;                \
			if (_slot) {                                                          \
				_found = *_slot;                                              \
				break;                                                        \
			}                                                                     \
		}                                                                             \
		(int)_found;                                                                  \
	})

TW_GLOBAL int tw_slot_of_current(void)
{
	return TW_FIND_SLOT(bpf_get_current_ancestor_cgroup_id);
}

/* Ties a socket to its target; a verdict that it held under another target is void. */
static __always_inline void tw_own_socket(struct tw_sock *s, const struct tw_held *h)
{
	if (s->target == h->target->id && s->slot == h->slot)
		return;
	s->table = 0;
	s->name = 0;
	s->slot = h->slot;
	s->target = h->target->id;
}

#endif
