/**
 * Which version of Linux brought what our programs use. Sources: the comment of each line names the commit
 * or the release; for helpers without one it is the table of bcc, docs/kernel-versions.md, which was held
 * against the order of BPF_FUNC_* in include/uapi/linux/bpf.h (numbers only ever grow with releases).
 */

export type Version = `${number}.${number}`;

export interface Since {
  readonly name: string;
  readonly since: Version;
  /** The enum's value that a program may ask for before it uses this. */
  readonly probe?: string;
}

/** What every kernel must have that we claim to run on. */
export const FLOOR: Version = '5.8';

/** By number, as a compiled call names it. */
export const helpers: Readonly<Record<number, Since>> = {
  1: { name: 'bpf_map_lookup_elem', since: '3.19' },
  2: { name: 'bpf_map_update_elem', since: '3.19' },
  3: { name: 'bpf_map_delete_elem', since: '3.19' },
  5: { name: 'bpf_ktime_get_ns', since: '4.1' },
  14: { name: 'bpf_get_current_pid_tgid', since: '4.2' },
  26: { name: 'bpf_skb_load_bytes', since: '4.5' },
  35: { name: 'bpf_get_current_task', since: '4.8' },
  46: { name: 'bpf_get_socket_cookie', since: '4.12' },
  79: { name: 'bpf_skb_cgroup_id', since: '4.18' },
  80: { name: 'bpf_get_current_cgroup_id', since: '4.18' },
  83: { name: 'bpf_skb_ancestor_cgroup_id', since: '4.19' },
  84: { name: 'bpf_sk_lookup_tcp', since: '4.20' },
  85: { name: 'bpf_sk_lookup_udp', since: '4.20' },
  86: { name: 'bpf_sk_release', since: '4.20' },
  95: { name: 'bpf_sk_fullsock', since: '5.1' },
  107: { name: 'bpf_sk_storage_get', since: '5.2' },
  112: { name: 'bpf_probe_read_user', since: '5.5' },
  113: { name: 'bpf_probe_read_kernel', since: '5.5' },
  114: { name: 'bpf_probe_read_user_str', since: '5.5' },
  115: { name: 'bpf_probe_read_kernel_str', since: '5.5' },
  118: { name: 'bpf_jiffies64', since: '5.6' }, // 5576b991e9c1
  123: { name: 'bpf_get_current_ancestor_cgroup_id', since: '5.7' }, // 0f09abd105da
  125: { name: 'bpf_ktime_get_boot_ns', since: '5.8' }, // 71d19214776e
  128: { name: 'bpf_sk_cgroup_id', since: '5.8' }, // f307fa2cb4c9
  129: { name: 'bpf_sk_ancestor_cgroup_id', since: '5.8' }, // f307fa2cb4c9
  130: { name: 'bpf_ringbuf_output', since: '5.8' },
  131: { name: 'bpf_ringbuf_reserve', since: '5.8' }, // 457f44363a88
  132: { name: 'bpf_ringbuf_submit', since: '5.8' },
  133: { name: 'bpf_ringbuf_discard', since: '5.8' },
  147: { name: 'bpf_d_path', since: '5.10' },
  156: { name: 'bpf_task_storage_get', since: '5.11' },
  158: { name: 'bpf_get_current_task_btf', since: '5.11' },
  160: { name: 'bpf_ktime_get_coarse_ns', since: '5.11' }, // d05512618056
  181: { name: 'bpf_loop', since: '5.17' }, // e6f2dd0f8067
  187: { name: 'bpf_set_retval', since: '5.18' }, // b44123b4a3dc
};

/** Helpers that a kind of program may call only since later than there is the helper. */
export const helpersByProgram: Readonly<Record<string, Readonly<Record<number, Since>>>> = {
  // a396eda5517a: for programs of cgroups later than for tracepoints; dd6e10fbd9fb, the next commit of the
  // series, brought the helper whose number tells that it is there.
  'cgroup/': {
    158: { name: 'bpf_get_current_task_btf', since: '5.15', probe: 'BPF_FUNC_task_pt_regs' },
  },
  'cgroup/sock_create': { 107: { name: 'bpf_sk_storage_get', since: '5.9' } }, // f7c6cb1d9728
};

/** By ELF section: the program's type and where it is attached, as one. */
export const sections: Readonly<Record<string, Since>> = {
  'cgroup_skb/egress': { name: 'BPF_CGROUP_INET_EGRESS', since: '4.10' },
  'cgroup/connect4': { name: 'BPF_CGROUP_INET4_CONNECT', since: '4.17' },
  'cgroup/connect6': { name: 'BPF_CGROUP_INET6_CONNECT', since: '4.17' },
  'cgroup/bind4': { name: 'BPF_CGROUP_INET4_BIND', since: '4.17' },
  'cgroup/bind6': { name: 'BPF_CGROUP_INET6_BIND', since: '4.17' },
  'cgroup/sendmsg4': { name: 'BPF_CGROUP_UDP4_SENDMSG', since: '4.18' },
  'cgroup/sendmsg6': { name: 'BPF_CGROUP_UDP6_SENDMSG', since: '4.18' },
  'cgroup/recvmsg4': { name: 'BPF_CGROUP_UDP4_RECVMSG', since: '5.2' },
  'cgroup/recvmsg6': { name: 'BPF_CGROUP_UDP6_RECVMSG', since: '5.2' },
  'cgroup/getpeername4': { name: 'BPF_CGROUP_INET4_GETPEERNAME', since: '5.8' }, // 1b66d253610c
  'cgroup/getpeername6': { name: 'BPF_CGROUP_INET6_GETPEERNAME', since: '5.8' },
  'cgroup/sock_create': { name: 'BPF_CGROUP_INET_SOCK_CREATE', since: '4.10' },
  'tp_btf/sched_process_fork': { name: 'BPF_TRACE_RAW_TP', since: '5.5' },
  'tp_btf/sched_process_exec': { name: 'BPF_TRACE_RAW_TP', since: '5.5' },
  'cgroup/connect_unix': { name: 'BPF_CGROUP_UNIX_CONNECT', since: '6.7' }, // 859051dd165e
  'cgroup/sendmsg_unix': { name: 'BPF_CGROUP_UNIX_SENDMSG', since: '6.7' },
  socket: { name: 'BPF_PROG_TYPE_SOCKET_FILTER', since: '3.19' },
  tc: { name: 'BPF_PROG_TYPE_SCHED_CLS', since: '4.1' },
};

/** What the number of a helper stands for in a kind of program. */
export function helperIn(section: string, number: number): Since | undefined {
  const family = section.replace(/\/.*/, '/');
  return (
    helpersByProgram[section]?.[number] ?? helpersByProgram[family]?.[number] ?? helpers[number]
  );
}

/** Functions of the kernel's that are no helpers. */
export const kernelFunctions: Readonly<Record<string, Version>> = {
  bpf_cast_to_kern_ctx: '6.2', // fd264ca02094
  bpf_rdonly_cast: '6.2', // a35b9af4ec2c
};

/** Instructions, by what the decoder calls them. */
export const instructions: Readonly<Record<string, Version>> = {
  'atomic fetch': '5.12', // 5ca419f2864a
  'function as a value': '5.13', // 69c087ba6225
};

export function isNewer(one: Version, than: Version): boolean {
  const [major = 0, minor = 0] = one.split('.').map(Number);
  const [floorMajor = 0, floorMinor = 0] = than.split('.').map(Number);
  return major > floorMajor || (major === floorMajor && minor > floorMinor);
}
