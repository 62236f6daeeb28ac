/** Random questions to a world: packets whole, odd and cut off, and addresses as hooks get them. */
import type { VerdictQuery } from '#policy/verdict.ts';
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

const RARE_PROTOCOLS = [1, 0, 2, 47, 58, 132, 255];
/** What eth_type_trans (net/ethernet/eth.c) takes as it is. */
const TYPES = [0x0806, 0x8100, 0x88cc, 0xffff];
const TCP_FLAGS = [0x02, 0x02, 0x10, 0x12, 0x18, 0x11, 0x04, 0x00, 0x03, 0x0a, 0xff];
const SMALLEST = Buffer.alloc(60);
const LOOPBACK = 0x7f000001;

export function createQuestion(random: Random, world: World): Question {
  const query = {
    hook: 'packet',
    local: random.oneIn(20) ? 'own' : random.pick(['none', 'none', 'foreign'] as const),
    socketName: random.oneIn(2) ? 0 : random.pick(world.nameIds),
    now: world.now,
  } as const;
  if (random.oneIn(3)) return createAddress(random, world, query);
  const stream = random.oneIn(2);
  const frame = createFrame(random, world);
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

function protocolOf(random: Random): number {
  return random.oneIn(8) ? random.pick(RARE_PROTOCOLS) : random.pick([6, 6, 17]);
}

type Shared = Pick<VerdictQuery, 'hook' | 'local' | 'socketName' | 'now'>;

/** What a program passes to connect(2) or sendto(2). */
function createAddress(random: Random, world: World, shared: Shared): Question {
  const protocol = protocolOf(random);
  const port = random.pick(world.ports);
  const address = createIpv6(random, world);
  const ask = random.pick(['address4', 'address6'] as const);
  const mapped = address.readBigUInt64BE(0) === 0n && address.readUInt32BE(8) === 0xffff;
  const family = ask === 'address4' || mapped ? 4 : 6;
  const daddr = family === 6 ? 0 : address.readUInt32BE(12) || LOOPBACK;
  const query = { ...shared, ...plain, family, daddr, protocol, dport: port } as const;
  return { ask, frame: SMALLEST, address, port, protocol, stream: false, query };
}

const plain = { malformed: false, ipOptions: false, fragment: false, fresh: true } as const;

/** Half of them IPv4 in IPv6, with the neighbours of that prefix. */
function createIpv6(random: Random, world: World): Buffer {
  const address = Buffer.alloc(16);
  for (let at = 0; at < 12; at += 4) if (random.oneIn(8)) address.writeUInt32BE(random.u32(), at);
  address.writeUInt32BE(random.pick([0xffff, 0xffff, 0xffff, 0, 0xfffe, 0x0001_ffff]), 8);
  address.writeUInt32BE(random.oneIn(8) ? 0 : random.pick(world.addresses), 12);
  return address;
}

function createFrame(random: Random, world: World): Buffer {
  const six = random.oneIn(8);
  const packet = six ? createV6(random, world) : createV4(random, world);
  const ethernet = Buffer.alloc(14);
  ethernet.writeUInt16BE(random.oneIn(30) ? random.pick(TYPES) : six ? 0x86dd : 0x0800, 12);
  const frame = Buffer.concat([ethernet, packet]);
  // The kernel itself takes no test packet without a whole header of layer 3 (net/bpf/test_run.c).
  const whole = six ? 54 : 34;
  const length = whole + random.int(frame.length - whole);
  return random.oneIn(8) ? frame.subarray(0, length) : frame;
}

function createV4(random: Random, world: World): Buffer {
  const header = Buffer.alloc(20);
  const length = random.oneIn(3) ? random.int(256) : 0x40 + random.int(16);
  header.writeUInt8(random.oneIn(12) ? length : 0x45, 0);
  header.writeUInt16BE(
    random.oneIn(10) ? random.int(0x10000) : random.pick([0, 0x4000, 0x2000]),
    6,
  );
  header.writeUInt8(64, 8);
  header.writeUInt8(protocolOf(random), 9);
  header.writeUInt32BE(random.u32(), 12);
  header.writeUInt32BE(random.pick(world.addresses), 16);
  return Buffer.concat([header, createSegment(random, world)]);
}

function createV6(random: Random, world: World): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  // Extension headers too: 0 hop-by-hop, 44 fragment, 60 destination options.
  header.writeUInt8(random.oneIn(4) ? random.pick([0, 44, 60]) : protocolOf(random), 6);
  createIpv6(random, world).copy(header, 8);
  createIpv6(random, world).copy(header, 24);
  return Buffer.concat([header, createSegment(random, world)]);
}

function createSegment(random: Random, world: World): Buffer {
  const segment = Buffer.alloc(20 + random.int(20));
  segment.writeUInt16BE(random.int(0x10000), 0);
  segment.writeUInt16BE(random.pick(world.ports), 2);
  segment.writeUInt8(random.pick(TCP_FLAGS), 13);
  return segment;
}
