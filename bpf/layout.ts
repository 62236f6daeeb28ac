/**
 * The shapes of bpf/layout.h on this side. The names and the order of fields are those of the C
 * structs; a test compares sizes and offsets with what the compiler made of them.
 */
import { struct } from './struct.ts';

/** Names the folder of pins; equal to TW_SCHEMA. */
export const SCHEMA = 1;
/** Equal to TW_MEANING: part of what tells whether maps can be gone on with. */
export const MEANING = 1;
/** A tick of expiry is 2^4 jiffies. */
export const TICK_SHIFT = 4;
export const MAX_TARGETS = 1024;
export const MAX_LEVELS = 16;
export const MAX_NAMES = 7;
export const MAX_LINES = 16;
export const MAX_ANCESTORS = 8;
export const PART = 96;
/** A verdict has 20 bits for the number of a name. */
export const MAX_NAME_ID = 2 ** 20 - 1;

export const targetFlags = { ownNetns: 1, redirect: 2, backstop: 4 } as const;
export const MAX_UPLINKS = 4;
export const MAX_OWN = 4;
export const policyFlags = { observe: 1n, denyCidr: 2n } as const;
export const hooks = ['connect', 'sendmsg', 'packet', 'backstop', 'any'] as const;

/** In the order of enum tw_counter. */
export const counterNames = [
  'events_lost',
  'rows_full',
  'storage_failed',
  'process_failed',
  'queries_dropped',
  'unknown_target',
  'probes_refused',
  'frames_dropped',
] as const;

const word = struct({ value: 'u32' });

export const target = struct({
  cgroup_id: 'u64',
  id: 'u32',
  level: 'u32',
  flags: 'u32',
  resolver_addr: 'u32',
  resolver_port: 'u32',
  mark: 'u32',
  row_budget: 'u32',
  query_interval: 'u32',
  query_burst: 'u64',
  uplink: { list: word, of: MAX_UPLINKS },
  own: { list: word, of: MAX_OWN },
});

export const account = struct({
  query_time: 'u64',
  overflow: 'u64',
  allowed_overflow: 'u64',
  rows: 'u32',
  allowed_rows: 'u32',
});

export const line = struct({ from: 'u16', to: 'u16', proto: 'u8', deny: 'u8', rule: 'u16' });
export const lines = struct({ table: 'u32', count: 'u32', line: { list: line, of: MAX_LINES } });
export const name = struct({ version: { list: lines, of: 2 } });
export const NAME_TEXT = 254;
export const nameText = struct({
  target: 'u32',
  refused: 'u8',
  length: 'u8',
  text: { bytes: NAME_TEXT },
});
export const kept = struct({
  table: 'u32',
  engaged: 'u32',
  overflow: 'u64',
  digest: { bytes: 32 },
});
export const numbers = struct({ table: 'u32', target: 'u32' });

export const cidrKey = struct({ prefix: 'u32', table: 'u32', addr_be: { bytes: 4 } });

export const learnedName = struct({ name: 'u32', expires: 'u32' });
export const learned = struct({ key: 'u64', slot: { list: learnedName, of: MAX_NAMES } });
/** Keys that are no address's. */
export const learnedMarks = { free: 0n, gone: 1n } as const;
export const PROBES = 16;
export const hashing = struct({ seed: 'u64', mask: 'u32', _pad: 'u32' });

export const ancestor = struct({ pid: 'u32', comm: { bytes: 16 } });
export const processRecord = struct({
  start: 'u64',
  pid: 'u32',
  uid: 'u32',
  exe_inode: 'u64',
  exe_device: 'u32',
  ancestors: 'u32',
  part: 'u64',
  comm: { bytes: 16 },
  ancestor: { list: ancestor, of: MAX_ANCESTORS },
  exe: { bytes: 128 },
  argv: { bytes: 128 },
  argv_size: 'u32',
  _pad: 'u32',
});

export const part = struct({ name: { bytes: PART } });

export const flowKey = struct({
  target: 'u32',
  saddr: 'u32',
  daddr: 'u32',
  sport: 'u16',
  dport: 'u16',
});

/** bpf/maps.h. */
export const sock = struct({
  target: 'u32',
  slot: 'u32',
  dport: 'u16',
  proto: 'u8',
  _zero: 'u8',
  daddr: 'u32',
  name: 'u32',
  expires: 'u32',
  table: 'u32',
  origin_addr: 'u32',
  origin_port: 'u16',
  stream: 'u8',
  state: 'u8',
  pid: 'u32',
  start: 'u64',
});

export const askerKey = struct({ target: 'u32', addr: 'u32', port: 'u16', proto: 'u16' });
export const asker = struct({ start: 'u64', pid: 'u32', _pad: 'u32' });

export const rowKey = struct({
  start: 'u64',
  target: 'u32',
  pid: 'u32',
  name: 'u32',
  addr: { bytes: 16 },
  port: 'u16',
  rule: 'u16',
  table: 'u32',
  proto: 'u8',
  reason: 'u8',
  passed: 'u8',
  hook: 'u8',
  _pad: 'u32',
});
export const row = struct({ count: 'u64', first: 'u64', last: 'u64' });

/** The key of a row, and the number of an output. */
export const toldKey = struct({ row: { list: rowKey, of: 1 }, output: 'u32', _pad: 'u32' });
export const told = struct({ count: 'u64', before: 'u64', place: 'u64' });
export const MAX_OUTPUTS = 32;
export const OUTPUT_NAME = 32;
export const INSTANCE = 64;
export const output = struct({
  place: 'u64',
  base: 'u64',
  name: { bytes: OUTPUT_NAME },
  instance: { bytes: INSTANCE },
});
export const LABELS = 2044;
export const labels = struct({ length: 'u32', text: { bytes: LABELS } });

export const lookupKey = struct({ target: 'u32', number: 'u32' });
export const lookupType = struct({ count: 'u64', type: 'u32', _pad: 'u32' });
export const LOOKUP_TYPES = 4;
export const LOOKUP_NAME = 1020;
export const lookup = struct({
  start: 'u64',
  first: 'u64',
  last: 'u64',
  type: { list: lookupType, of: LOOKUP_TYPES },
  pid: 'u32',
  addr: 'u32',
  table: 'u32',
  rule: 'u16',
  reason: 'u8',
  has_addr: 'u8',
  passed: 'u8',
  _pad: 'u8',
  length: 'u16',
  name: { bytes: LOOKUP_NAME },
});

export const event = struct({
  time: 'u64',
  row: { list: rowKey, of: 1 },
  has_process: 'u32',
  _pad: 'u32',
  process: { list: processRecord, of: 1 },
});
