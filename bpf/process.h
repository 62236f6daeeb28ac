/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Who a process is: read from the kernel's own structures when it execs, forks or uses a socket, never
 * from /proc afterwards. Its ancestors are kept as they were when it began, so a parent that has gone
 * since is still named.
 */
#ifndef TW_PROCESS_H
#define TW_PROCESS_H

#include "maps.h"
#include "kernel.h"
#include <bpf/bpf_core_read.h>

static __always_inline int tw_is_main_thread(__u64 first, __u64 second)
{
	return first == *(const __u64 *)"MainThre" && (second & 0xffffff) == 'a' + ('d' << 8);
}

/*
 * A process's name. Node.js calls its first thread MainThread (since 24), which names nobody: then it is
 * the executable's. A name that a program gives itself, as npm does, stays.
 */
static __always_inline void tw_read_comm(char *to, struct task_struct *leader)
{
	const unsigned char *name;
	union {
		char text[TW_COMM];
		__u64 word[2];
	} comm = {};

	BPF_CORE_READ_STR_INTO(&comm.text, leader, comm);
	__builtin_memcpy(to, comm.text, TW_COMM);
	if (!tw_is_main_thread(comm.word[0], comm.word[1]))
		return;
	name = BPF_CORE_READ(leader, mm, exe_file, f_path.dentry, d_name.name);
	if (name)
		bpf_probe_read_kernel_str(to, TW_COMM, name);
}

static __always_inline void tw_read_ancestors(struct tw_process *p, struct task_struct *task)
{
	struct task_struct *t = task;
	__u32 i;

	p->ancestors = 0;
	for (i = 0; i < TW_MAX_ANCESTORS; i++) {
		struct tw_ancestor *a = &p->ancestor[i];

		t = BPF_CORE_READ(t, real_parent, group_leader);
		if (!t)
			break;
		a->pid = BPF_CORE_READ(t, tgid);
		if (!a->pid)	/* the idle task, above init */
			break;
		tw_read_comm(a->comm, t);
		p->ancestors = i + 1;
		if (a->pid == 1)
			break;
	}
}

/* Writes down what a cgroup right below a target's is called, and gives its id. */
static __always_inline __u64 tw_part_of(struct cgroup *below)
{
	__u64 id = BPF_CORE_READ(below, kn, id);
	struct tw_part part = {};

	if (bpf_map_lookup_elem(&parts, &id))
		return id;
	bpf_probe_read_kernel_str(part.name, sizeof(part.name), BPF_CORE_READ(below, kn, name));
	bpf_map_update_elem(&parts, &id, &part, BPF_NOEXIST);
	return id;
}

/*
 * Is the task below a target's cgroup, and in which part of it? Walks up; targets lie at most TW_MAX_LEVELS
 * deep.
 */
static __attribute__((noinline)) int tw_in_target(struct task_struct *task, __u64 *part)
{
	struct cgroup *c = BPF_CORE_READ(task, cgroups, dfl_cgrp), *below = 0;
	__u64 id;
	int i;

	for (i = 0; c && i < TW_MAX_LEVELS; i++) {
		id = BPF_CORE_READ(c, kn, id);
		if (bpf_map_lookup_elem(&cgroups, &id)) {
			*part = below ? tw_part_of(below) : 0;
			return 1;
		}
		below = c;
		c = (void *)BPF_CORE_READ(c, self.parent);	/* self is a cgroup's first field */
	}
	return 0;
}

/*
 * All that can be read of a process from outside; its arguments and executable come with its exec.
 * `start` goes first and comes back last: whoever reads meanwhile sees nobody's record.
 */
static __always_inline void tw_read_process(struct tw_process *p, struct task_struct *leader, __u64 part)
{
	struct file *exe = BPF_CORE_READ(leader, mm, exe_file);

	*(volatile __u64 *)&p->start = 0;
	p->pid = BPF_CORE_READ(leader, tgid);
	p->uid = BPF_CORE_READ(leader, cred, uid.val);
	p->exe_inode = BPF_CORE_READ(exe, f_inode, i_ino);
	p->exe_device = BPF_CORE_READ(exe, f_inode, i_sb, s_dev);
	p->part = part;
	p->exe[0] = 0;
	p->argv_size = 0;
	tw_read_comm(p->comm, leader);
	tw_read_ancestors(p, leader);
	*(volatile __u64 *)&p->start = BPF_CORE_READ(leader, start_boottime);
}

/* The record of a pid, made empty if there is none. A record is too large for the stack. */
static __always_inline struct tw_process *tw_record_of(__u32 pid)
{
	struct tw_process *p = bpf_map_lookup_elem(&processes, &pid), *empty;
	__u32 zero = 0;

	if (p)
		return p;
	empty = bpf_map_lookup_elem(&blank, &zero);
	if (!empty || bpf_map_update_elem(&processes, &pid, empty, BPF_NOEXIST)) {
		p = bpf_map_lookup_elem(&processes, &pid);	/* another thread was first */
		if (!p)
			tw_count(TW_PROCESS_FAILED);
		return p;
	}
	return bpf_map_lookup_elem(&processes, &pid);
}

/* The same record, up to date: another process's, or the same one under another name or user. */
static __always_inline void tw_refresh(struct tw_process *p)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	__u64 part = 0;

	if (p->start != BPF_CORE_READ(leader, start_boottime)) {
		tw_in_target(leader, &part);
		tw_read_process(p, leader, part);
		return;
	}
	tw_read_comm(p->comm, leader);
	p->uid = BPF_CORE_READ(leader, cred, uid.val);
}

/*
 * Is the record up to date? Since 5.15 the kernel gives the task as a pointer that is read without a call
 * for each field, and a process that opens its next connection costs next to nothing. The helper is older, but
 * only for tracepoints; to programs of cgroups it came with a396eda5517a, one commit before the helper whose
 * number is asked for here.
 */
static __always_inline int tw_is_current(const struct tw_process *p)
{
	struct task_struct *leader;
	__u64 first, second;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return 0;
	leader = bpf_get_current_task_btf()->group_leader;
	if (p->start != leader->start_boottime || p->uid != leader->cred->uid.val)
		return 0;
	first = *(__u64 *)leader->comm;
	second = *(__u64 *)(leader->comm + 8);
	/* Then the record has the executable's name, which changes with an exec alone. */
	if (tw_is_main_thread(first, second))
		return p->comm[0] != 0;
	return first == *(const __u64 *)p->comm && second == *(const __u64 *)(p->comm + 8);
}

/*
 * The process that makes this system call, with its name of this moment (a process can rename itself).
 * Only for hooks that run in process context.
 */
static __always_inline struct tw_process *tw_current_process(void)
{
	struct tw_process *p = tw_record_of(bpf_get_current_pid_tgid() >> 32);

	if (p && !tw_is_current(p))
		tw_refresh(p);
	return p;
}

#endif
