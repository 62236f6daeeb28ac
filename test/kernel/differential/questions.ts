/** Random questions to a world: packets whole, odd and cut off, and addresses as hooks get them. */
import type { VerdictQuery } from '#policy/verdict.ts';
import { createDestination, type Destination } from './destinations.ts';
import { readFrame } from './frame.ts';
import type { Random } from './random.ts';
import type { World } from './worlds.ts';

/** What the kernel's side is given; `query` is what the oracle is asked. */
export interface Question {
  readonly ask: 'packet' | 'address4' | 'address6';
  readonly frame: Buffer;
  /** 16 bytes as on the wire; of `address4` the last four count. */
  readonly address: Buffer;
  readonly port: number;
  readonly protocol: number;
  readonly stream: boolean;
  readonly query: VerdictQuery;
}

/** What eth_type_trans (net/ethernet/eth.c) takes as it is. */
const TYPES = [0x0806, 0x8100, 0x88cc, 0xffff];
const TCP_FLAGS = [0x02, 0x02, 0x10, 0x10, 0x10, 0x12, 0x18, 0x11, 0x04, 0x00, 0x03, 0x0a, 0xff];
export const SMALLEST = Buffer.alloc(60);
const LOOPBACK = 0x7f000001;

export function createQuestion(random: Random, world: World): Question {
  const destination = createDestination(random, world);
  const query = {
    hook: 'packet',
    local: random.oneIn(20) ? 'own' : random.pick(['none', 'foreign', 'foreign'] as const),
    socketName: destination.name,
    now: world.now,
  } as const;
  if (random.oneIn(3)) return createAddress(random, destination, query);
  const stream = !random.oneIn(6);
  // Of odd packets few are segments of an open connection to where its name's rules let it.
  const open = destination.name !== 0 && random.oneIn(6);
  const frame = open ? tcpFrame(random, destination, 'ACK') : createFrame(random, destination);
  return {
    ask: 'packet',
    frame,
    address: Buffer.alloc(16),
    port: 0,
    protocol: 0,
    stream,
    query: { ...query, ...readFrame(frame, stream) },
  };
}

type Shared = Pick<VerdictQuery, 'hook' | 'local' | 'socketName' | 'now'>;

/** What a program passes to connect(2) or sendto(2). */
function createAddress(random: Random, to: Destination, shared: Shared): Question {
  const { protocol, port } = to;
  const address = createIpv6(random, to);
  const ask = random.pick(['address4', 'address6'] as const);
  const { family, daddr } = readAddress(address, ask);
  const query = { ...shared, ...plain, family, daddr, protocol, dport: port } as const;
  return { ask, frame: SMALLEST, address, port, protocol, stream: false, query };
}

/** Which destination an address hook is to see in these 16 bytes. */
export function readAddress(address: Buffer, ask: 'address4' | 'address6') {
  const high = address.readBigUInt64BE(0);
  const mapped = high === 0n && address.readUInt32BE(8) === 0xffff;
  const last = address.readUInt32BE(12);
  if (ask === 'address6' && !mapped) {
    const loopback = high === 0n && address.readUInt32BE(8) === 0 && last <= 1;
    return { family: 6, daddr: 0, loopback } as const;
  }
  const daddr = last || LOOPBACK;
  return { family: 4, daddr, loopback: daddr >>> 24 === 127 } as const;
}

const plain = { malformed: false, ipOptions: false, fragment: false, fresh: true } as const;

/** Most of them IPv4 in IPv6, with the neighbours of that prefix. */
export function createIpv6(random: Random, to: Destination): Buffer {
  const address = Buffer.alloc(16);
  for (let at = 0; at < 12; at += 4) if (random.oneIn(16)) address.writeUInt32BE(random.u32(), at);
  const prefix = random.oneIn(4) ? random.pick([0, 0xfffe, 0x0001_ffff]) : 0xffff;
  address.writeUInt32BE(prefix, 8);
  address.writeUInt32BE(random.oneIn(16) ? 0 : to.address, 12);
  return address;
}

export function createFrame(random: Random, to: Destination): Buffer {
  const six = random.oneIn(16);
  const packet = six ? createV6(random, to) : createV4(random, to);
  const ethernet = Buffer.alloc(14);
  ethernet.writeUInt16BE(random.oneIn(30) ? random.pick(TYPES) : six ? 0x86dd : 0x0800, 12);
  const frame = Buffer.concat([ethernet, packet]);
  // The kernel itself takes no test packet without a whole header of layer 3 (net/bpf/test_run.c).
  const whole = six ? 54 : 34;
  const length = whole + random.int(frame.length - whole);
  return random.oneIn(8) ? frame.subarray(0, length) : frame;
}

/** A whole packet without anything odd. */
export function createPlainFrame(random: Random, to: Destination): Buffer {
  const frame = Buffer.alloc(14 + 20);
  frame.writeUInt16BE(0x0800, 12);
  frame.writeUInt8(0x45, 14);
  frame.writeUInt16BE(0x4000, 20);
  frame.writeUInt8(64, 22);
  frame.writeUInt8(to.protocol, 23);
  frame.writeUInt32BE(random.u32(), 26);
  frame.writeUInt32BE(to.address, 30);
  return Buffer.concat([frame, createSegment(random, to)]);
}

/** What the kernel says of a connection that is gone, now and then with something behind it, or as an opening. */
export function createLastWord(random: Random, to: Destination): Buffer {
  const frame = createPlainFrame(random, { ...to, protocol: TCP }).subarray(0, 14 + 20 + 20);
  frame.writeUInt16BE(random.oneIn(6) ? 60 : 40, 14 + 2);
  frame.writeUInt8(0x50, 14 + 20 + 12);
  frame.writeUInt8(random.pick([0x04, 0x14, 0x10, 0x11, 0x02]), 14 + 20 + 13);
  return frame;
}

/** ARP, IPv6, and what else there is. */
export function createOtherFrame(random: Random): Buffer {
  const frame = Buffer.alloc(60);
  frame.writeUInt16BE(random.pick([0x0806, 0x0806, 0x0806, 0x86dd, ...TYPES]), 12);
  return frame;
}

export const TCP = 6;

/** A segment that opens a connection, or one of an open one. */
export function tcpFrame(random: Random, to: Destination, flag: 'SYN' | 'ACK'): Buffer {
  const frame = createPlainFrame(random, { ...to, protocol: TCP });
  frame.writeUInt8(flag === 'SYN' ? 0x02 : 0x18, 14 + 20 + 13);
  return frame;
}

function createV4(random: Random, to: Destination): Buffer {
  const header = Buffer.alloc(20);
  const length = random.oneIn(3) ? random.int(256) : 0x40 + random.int(16);
  header.writeUInt8(random.oneIn(3) ? length : 0x45, 0);
  header.writeUInt16BE(random.oneIn(5) ? random.int(0x10000) : random.pick([0, 0x4000, 0x2000]), 6);
  header.writeUInt8(64, 8);
  header.writeUInt8(to.protocol, 9);
  header.writeUInt32BE(random.u32(), 12);
  header.writeUInt32BE(to.address, 16);
  return Buffer.concat([header, createSegment(random, to)]);
}

function createV6(random: Random, to: Destination): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  // Extension headers too: 0 hop-by-hop, 44 fragment, 60 destination options.
  header.writeUInt8(random.oneIn(4) ? random.pick([0, 44, 60]) : to.protocol, 6);
  createIpv6(random, to).copy(header, 8);
  createIpv6(random, to).copy(header, 24);
  return Buffer.concat([header, createSegment(random, to)]);
}

function createSegment(random: Random, to: Destination): Buffer {
  const segment = Buffer.alloc(20 + random.int(20));
  segment.writeUInt16BE(random.int(0x10000), 0);
  segment.writeUInt16BE(to.port, 2);
  segment.writeUInt8(random.pick(TCP_FLAGS), 13);
  return segment;
}
