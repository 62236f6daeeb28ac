/**
 * Measures what a cold look-up costs more through us than directly: authority, forwarder and resolver
 * are processes of their own, all on loopback, and each round asks all three ways in turn.
 *
 * `measureLatency` is for benches; run as a program it prints its result.
 */
import { fork } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createResolver } from '#dns/resolver.ts';
import { judgeBy } from '#dns/testing/verdicts.ts';
import { wireQuery } from '#dns/testing/wire.ts';
import { createRandom16 } from '../random.ts';
import { listenByUdp } from '../udp-server.ts';
import { createUpstream } from '../upstream.ts';

/** Microseconds of one look-up: median and 99th percentile. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export interface LatencyResult {
  readonly direct: Latency;
  /** A bare Node forwarder: two sockets and a map of ids. */
  readonly forwarder: Latency;
  readonly resolver: Latency;
}

/** @param rounds look-ups each way, beside 500 that warm up. */
export async function measureLatency(rounds: number): Promise<LatencyResult> {
  const authority = await start('authority', 0);
  const forwarder = await start('forwarder', authority.port);
  const resolver = await start('resolver', authority.port);
  const socket = createSocket('udp4');
  try {
    await bound(socket);
    const times: Record<'direct' | 'forwarder' | 'resolver', number[]> = {
      direct: [],
      forwarder: [],
      resolver: [],
    };
    const ways = [
      [times.direct, authority.port],
      [times.forwarder, forwarder.port],
      [times.resolver, resolver.port],
    ] as const;
    for (let round = 0; round < rounds + 500; round++) {
      for (const [list, port] of ways) {
        const query = wireQuery({ id: round & 0xffff, name: `n${round}.example.test` });
        const before = process.hrtime.bigint();
        socket.send(query, port, '127.0.0.1');
        await once(socket, 'message');
        if (round >= 500) list.push(Number(process.hrtime.bigint() - before) / 1000);
      }
    }
    return {
      direct: summary(times.direct),
      forwarder: summary(times.forwarder),
      resolver: summary(times.resolver),
    };
  } finally {
    socket.close();
    for (const part of [authority, forwarder, resolver]) part.stop();
  }
}

/** A server on loopback that answers every A query; for benches of their own. */
export function startAuthority(): Promise<{ port: number; stop(): void }> {
  return start('authority', 0);
}

/** A bare Node forwarder before such a server: what no resolver in Node can be faster than. */
export function startForwarder(upstream: number): Promise<{ port: number; stop(): void }> {
  return start('forwarder', upstream);
}

function summary(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

async function start(role: string, upstream: number): Promise<{ port: number; stop(): void }> {
  const child = fork(fileURLToPath(import.meta.url), [role, String(upstream)]);
  const [port] = (await once(child, 'message')) as [number];
  return { port, stop: () => child.kill() };
}

function bound(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    socket.bind(0, '127.0.0.1', () => resolve(socket.address().port));
  });
}

/** Every name has one address. */
function authority(): Promise<number> {
  const socket = createSocket('udp4');
  const record = Buffer.from('c00c00010001000000640004cb007101', 'hex');
  socket.on('message', (query, { port, address }) => {
    const end = query.indexOf(0, 12) + 5;
    const reply = Buffer.concat([query.subarray(0, end), record]);
    reply.writeUInt16BE(0x8180, 2);
    reply.writeUInt16BE(1, 6);
    reply.writeUInt32BE(0, 8);
    socket.send(reply, port, address);
  });
  return bound(socket);
}

function forwarder(upstream: number): Promise<number> {
  const front = createSocket('udp4');
  const back = createSocket('udp4');
  const clients = new Map<number, { port: number; address: string }>();
  back.connect(upstream, '127.0.0.1');
  front.on('message', (query, from) => {
    clients.set(query.readUInt16BE(0), from);
    back.send(query);
  });
  back.on('message', (answer) => {
    const client = clients.get(answer.readUInt16BE(0));
    if (client !== undefined) front.send(answer, client.port, client.address);
  });
  return bound(front);
}

async function resolver(upstream: number): Promise<number> {
  const random = createRandom16();
  const clock = (): number => performance.now();
  const judge = judgeBy({ '*': 'allowed' });
  const target = createResolver({
    judge: () => judge,
    mode: () => 'Block',
    attached: () => null,
    upstream: createUpstream({ servers: [`127.0.0.1:${upstream}`], clock, random }),
    sink: { learn: () => {} },
    evidence: { refused: () => {}, allowed: () => {} },
    clock,
    random,
    limits: { names: 1_000_000 },
  });
  const where = { address: '127.0.0.1', port: 0 };
  const answer = (request: Uint8Array, client: Parameters<typeof target.handle>[1]) =>
    target.handle(request, client);
  return (await listenByUdp({ answer, where })).port;
}

const roles: Record<string, (upstream: number) => Promise<number>> = {
  authority,
  forwarder,
  resolver,
};
const role = roles[process.argv[2] ?? ''];
if (process.send !== undefined && role !== undefined)
  process.send(await role(Number(process.argv[3])));
else if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(
    `${JSON.stringify(await measureLatency(Number(process.argv[2] ?? 3000)))}\n`,
  );
}
