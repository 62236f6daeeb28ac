/** Structs of test/kernel/given.h and verdict.bpf.c. */
import { sock } from '#bpf/layout.ts';
import { struct } from '#bpf/struct.ts';

export const given = struct({
  boot_ns: 'u64',
  cgroup: 'u64',
  now: 'u32',
  socket_name: 'u32',
  addr: { bytes: 16 },
  socket: 'u32',
  peer: 'u32',
  port_be: { bytes: 2 },
  proto: 'u8',
  local: 'u8',
  ask: 'u8',
  stream: 'u8',
  hook: 'u8',
  kernels_own: 'u8',
});

/** struct tw_flow_key of bpf/layout.h. */
export const flowKey = struct({
  target: 'u32',
  saddr: { bytes: 4 },
  daddr: { bytes: 4 },
  sport: 'u16',
  dport: 'u16',
});

/** What the kernel shows of a socket (struct bpf_sock, linux/bpf.h); type and protocol count here. */
export const shown = struct({
  bound_dev_if: 'u32',
  family: 'u32',
  type: 'u32',
  protocol: 'u32',
  rest: { bytes: 64 },
});
export const testSocket = struct({
  sk: { bytes: shown.size },
  state: { bytes: sock.size },
  cgroup: 'u64',
  stored: 'u64',
});

export const told = struct({
  verdict: 'u64',
  overflow: 'u64',
  allowed_overflow: 'u64',
  state: { bytes: sock.size },
  daddr: 'u32',
  dport: 'u16',
  proto: 'u8',
  flags: 'u8',
  passes: 'u32',
  mark: 'u32',
  ran: 'u32',
  _pad: 'u32',
});

export const asks = ['packet', 'address4', 'address6'] as const;
export type Ask = (typeof asks)[number];
