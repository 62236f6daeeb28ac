/**
 * What a review of a pod costs: reviews a second of one server on one processor, how long the slowest of a
 * hundred waits, and the memory that it holds afterwards. A job's pod as GitLab Runner makes it, half of them
 * refused, over connections that are kept, as an API server does.
 */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { reviewOf } from '#webhook/testing/reviews.ts';
import { job, unpatchedJob } from '../test/admission/table/pods.ts';
import { requestOf } from '../test/admission/table/row.ts';
import { type Figure, figure } from './figure.ts';
import { residentMegabytes } from './memory.ts';
import { processorSeconds, startServer, told } from './server.ts';
import { median, quantile, spread } from './statistics.ts';

const CONNECTIONS = 16;
const ROUNDS = 7;
const ROUND_MS = 2000;

export async function run(): Promise<readonly Figure[]> {
  const server = startServer('webhook-server.ts');
  try {
    const { port, authority } = await told(server);
    const asked = await Promise.all(
      Array.from({ length: CONNECTIONS }, (_, index) => open(port, authority, index)),
    );
    const pid = server.pid ?? 0;
    await round(asked, pid);
    const rounds = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push(await round(asked, pid));
    for (const { socket } of asked) socket.destroy();
    return figures(rounds, residentMegabytes(pid));
  } finally {
    server.kill();
  }
}

interface Round {
  /** Of the server's own processor time, so that other load on the machine does not count. */
  readonly perSecond: number;
  /** ms. */
  readonly slow: number;
}

function figures(rounds: readonly Round[], memory: number): readonly Figure[] {
  const rates = rounds.map(({ perSecond }) => perSecond);
  const slow = rounds.map((one) => one.slow);
  return [
    figure({
      name: 'webhook: reviews of pods on one processor',
      value: median(rates),
      unit: '/s',
      spread: spread(rates),
      target: { bound: 'at least', limit: 4000 },
    }),
    figure({
      name: 'webhook: a review, 99th percentile',
      value: median(slow),
      unit: 'ms',
      spread: spread(slow),
      target: { bound: 'at most', limit: 10 },
    }),
    figure({ name: 'webhook: memory under load', value: memory, unit: 'MB' }),
  ];
}

interface Connection {
  readonly socket: TLSSocket;
  readonly request: Buffer;
}

/** Every other connection asks about a pod that is refused. */
async function open(port: number, authority: string, index: number): Promise<Connection> {
  const pod = index % 2 === 0 ? job : unpatchedJob;
  const body = JSON.stringify(reviewOf(requestOf({ what: '', code: null, pod })));
  const head = `POST /pods HTTP/1.1\r\nhost: webhook\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  const socket = connect({ host: '127.0.0.1', port, ca: authority });
  await once(socket, 'secureConnect');
  return { socket, request: Buffer.from(head + body) };
}

/** Each connection asks again as soon as it is answered. */
async function round(connections: readonly Connection[], pid: number): Promise<Round> {
  const before = processorSeconds(pid);
  const end = performance.now() + ROUND_MS;
  const times = (await Promise.all(connections.map((one) => askUntil(one, end)))).flat();
  const perSecond = times.length / (processorSeconds(pid) - before);
  return { perSecond, slow: quantile(times, 0.99) };
}

function askUntil({ socket, request }: Connection, end: number): Promise<readonly number[]> {
  const times: number[] = [];
  return new Promise((done, failed) => {
    let text = '';
    let sent = performance.now();
    const heard = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!isWhole(text)) return;
      if (!text.startsWith('HTTP/1.1 200')) {
        stop(new Error(text.slice(0, 200)));
        return;
      }
      const now = performance.now();
      times.push(now - sent);
      text = '';
      if (now >= end) stop();
      else {
        sent = now;
        socket.write(request);
      }
    };
    const stop = (error?: Error): void => {
      socket.off('data', heard);
      if (error) failed(error);
      else done(times);
    };
    socket.on('data', heard);
    socket.write(request);
  });
}

function isWhole(text: string): boolean {
  const body = text.indexOf('\r\n\r\n') + 4;
  const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
  return body >= 4 && text.length - body >= length;
}
