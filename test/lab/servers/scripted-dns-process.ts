/**
 * The program behind `lab.scriptedDns`. For each name it has a list of replies: the first query gets
 * the first, the last one serves all further queries. That is how a name rebinds.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { createServer, type Socket } from 'node:net';
import { type Answer, decode, encode, type Packet } from 'dns-packet';
import { assertInsideLab } from '../mark.ts';

export interface DnsReply {
  /** dns-packet's shapes: `{ type: 'A', name, ttl, data }`, and CNAME, TXT, … */
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly additionals?: readonly Answer[];
  /** RFC 1035, 4.1.1: 0 NOERROR (unless told), 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED. */
  readonly rcode?: number;
  /** Sets TC and leaves the answers out, over UDP only. */
  readonly truncated?: boolean;
  /** Milliseconds before it is sent. */
  readonly delay?: number;
  /** Never answers. */
  readonly silent?: boolean;
  /** Answers with another id than was asked. */
  readonly wrongId?: boolean;
  /** Answers another question than was asked. */
  readonly wrongName?: string;
  /** Bytes in hex in place of a message; `xxxx` at the start stands for the query's id. */
  readonly raw?: string;
  /** Messages sent before this one, over UDP only: what an attacker would slip in. */
  readonly before?: readonly DnsReply[];
  /** Over TCP: ends the connection without an answer. */
  readonly hangUp?: boolean;
}

export interface DnsScript {
  /** The lab's DNS address unless told. */
  readonly address?: string;
  /** 53 unless told. */
  readonly port?: number;
  /** By lower-case name, or `name/TYPE` where types differ, or `*`; other names are NXDOMAIN. */
  readonly names: Readonly<Record<string, readonly DnsReply[]>>;
}

export interface DnsAsked {
  readonly time: string;
  readonly transport: 'udp' | 'tcp';
  /** `address:port` of who asked. */
  readonly from: string;
  readonly id: number;
  readonly name: string;
  readonly type: string;
  /** The whole query in hex: what passed through to the upstream. */
  readonly message: string;
}

type Transport = DnsAsked['transport'];
/** undefined ends the connection. */
type Send = (message: Buffer | undefined) => void;

assertInsideLab();
const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Required<DnsScript> & {
  log: string;
};
const port = config.port ?? 53;
const served = new Map<string, number>();

const udp = createSocket(config.address.includes(':') ? 'udp6' : 'udp4');
udp.on('message', (message, from) => {
  handle(message, 'udp', `${from.address}:${from.port}`, (reply) => {
    if (reply !== undefined) udp.send(reply, from.port, from.address);
  });
});
udp.bind(port, config.address);
const tcp = createServer(serveStream);
tcp.listen(port, config.address);
await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
process.stdout.write('ready\n');
// It will be killed, and what it compiled is for the next one (test/kernels).
flushCompileCache();

/** RFC 1035, 4.2.2: each message of a stream has its length in two bytes before it. */
function serveStream(socket: Socket): void {
  let pending = Buffer.alloc(0);
  const from = `${socket.remoteAddress}:${socket.remotePort}`;
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      const message = pending.subarray(2, end);
      pending = pending.subarray(end);
      handle(message, 'tcp', from, (reply) => {
        if (reply === undefined) socket.destroy();
        else socket.write(reply);
      });
    }
  });
}

function handle(message: Buffer, transport: Transport, from: string, send: Send): void {
  const query = decodeOrEmpty(message);
  const question = query.questions?.[0];
  const name = question?.name ?? '';
  const asked: DnsAsked = {
    time: new Date().toISOString(),
    transport,
    from,
    id: query.id ?? 0,
    name,
    type: question?.type ?? '',
    message: message.toString('hex'),
  };
  appendFileSync(config.log, `${JSON.stringify(asked)}\n`);
  const reply = nextReply(asked.name.toLowerCase(), asked.type);
  if (reply.silent) return;
  if (reply.hangUp && transport === 'tcp') {
    send(undefined);
    return;
  }
  setTimeout(() => {
    for (const one of transport === 'udp' ? (reply.before ?? []) : []) {
      send(build(one, query, transport));
    }
    const built = build(reply, query, transport);
    send(transport === 'tcp' ? prefixed(built) : built);
  }, reply.delay ?? 0);
}

function decodeOrEmpty(message: Buffer): Packet {
  try {
    return decode(message);
  } catch {
    return {};
  }
}

function nextReply(name: string, type: string): DnsReply {
  const key = [`${name}/${type}`, name, '*'].find((one) => config.names[one] !== undefined);
  const replies = key === undefined ? undefined : config.names[key];
  if (key === undefined || replies === undefined) return { rcode: 3 };
  const turn = served.get(key) ?? 0;
  served.set(key, turn + 1);
  return replies[Math.min(turn, replies.length - 1)] ?? { rcode: 3 };
}

function build(reply: DnsReply, query: Packet, transport: Transport): Buffer {
  const id = ((query.id ?? 0) + (reply.wrongId ? 1 : 0)) & 0xffff;
  if (reply.raw !== undefined) {
    return Buffer.from(reply.raw.replace(/^xxxx/, id.toString(16).padStart(4, '0')), 'hex');
  }
  const cut = reply.truncated === true && transport === 'udp';
  const { wrongName } = reply;
  const questions = (query.questions ?? []).map((one) =>
    wrongName === undefined ? one : { ...one, name: wrongName },
  );
  // RD, RA and, where it applies, TC: RFC 1035, 4.1.1.
  const flags = 0x0180 | (cut ? 0x0200 : 0) | (reply.rcode ?? 0);
  const sections = cut ? {} : sectionsOf(reply);
  return encode({ type: 'response', id, flags, questions, ...sections });
}

function sectionsOf(reply: DnsReply): Packet {
  return {
    answers: [...(reply.answers ?? [])],
    authorities: [...(reply.authorities ?? [])],
    additionals: [...(reply.additionals ?? [])],
  };
}

function prefixed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
