/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Follows the processes of targets: a fork gives the child its line of ancestors, an exec its name,
 * executable and arguments. An object of its own: a kernel without these tracepoints loses this part
 * of the evidence and nothing else.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../process.h"

SEC("tp_btf/sched_process_fork")
int tw_fork(__u64 *ctx)	/* parent, child */
{
	struct task_struct *child = (void *)ctx[1];
	__u32 pid = BPF_CORE_READ(child, tgid);
	struct tw_process *p;
	__u64 part;

	if (pid != (__u32)BPF_CORE_READ(child, pid) || !tw_in_target(child, &part))
		return 0;	/* a thread, or nobody's */
	p = tw_record_of(pid);
	if (p)
		tw_read_process(p, child, part);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int tw_exec(__u64 *ctx)	/* task, its pid before, the program */
{
	struct task_struct *task = (void *)ctx[0];
	struct linux_binprm *bprm = (void *)ctx[2];
	unsigned long start, size;
	struct tw_process *p;
	__u64 part;

	if (!tw_in_target(task, &part))
		return 0;
	p = tw_record_of(BPF_CORE_READ(task, tgid));
	if (!p)
		return 0;
	/* Ancestors as of its beginning, if it was seen then. */
	if (p->start != BPF_CORE_READ(task, group_leader, start_boottime))
		tw_read_process(p, task, part);
	/* Whoever starts a container puts its first process there before the exec. */
	p->part = part;
	p->exe_inode = BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	p->exe_device = BPF_CORE_READ(task, mm, exe_file, f_inode, i_sb, s_dev);
	tw_read_comm(p->comm, task);
	bpf_probe_read_kernel_str(p->exe, sizeof(p->exe), BPF_CORE_READ(bprm, filename));
	p->argv_size = 0;
	start = BPF_CORE_READ(task, mm, arg_start);
	size = BPF_CORE_READ(task, mm, arg_end) - start;
	if (size > sizeof(p->argv))
		size = sizeof(p->argv);
	/* The size is bounded for the verifier by one mask more than the test above. */
	if (size && !bpf_probe_read_user(p->argv, size & (sizeof(p->argv) * 2 - 1), (void *)start))
		p->argv_size = size;
	return 0;
}
