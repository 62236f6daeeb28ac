/**
 * The program behind `lab.sink`: HTTP, TCP and UDP listeners with one log. Each entry is written
 * before the sender gets an answer, so that a sender that has ended has left its entry.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { assertInsideLab } from '../mark.ts';

export interface SinkListener {
  readonly kind: 'http' | 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** Replies of an HTTP listener by `METHOD /path`, where `*` stands for every other request. */
  readonly replies?: Readonly<Record<string, { readonly status?: number; readonly body?: string }>>;
}

export interface SinkConfig {
  readonly log: string;
  readonly listeners: readonly SinkListener[];
}

export interface Received {
  /** RFC 3339. */
  readonly time: string;
  readonly event: 'connection' | 'request' | 'data' | 'datagram';
  readonly kind: SinkListener['kind'];
  /** `address:port` that was asked for, and of who asked. */
  readonly to: string;
  readonly from: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
  /** Bytes as Latin-1, the first 64 KiB. */
  readonly body?: string;
}

const MAX_BODY = 64 * 1024;

assertInsideLab();
const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as SinkConfig;
await Promise.all(config.listeners.map(listen));
process.stdout.write('ready\n');

async function listen(listener: SinkListener): Promise<void> {
  if (listener.kind === 'udp') return await listenUdp(listener);
  const server = listener.kind === 'http' ? httpServer(listener) : tcpServer(listener);
  server.on('connection', (socket: Socket) => write(listener, socket, { event: 'connection' }));
  server.listen(listener.port, listener.address);
  await once(server, 'listening');
}

function httpServer(listener: SinkListener): Server {
  return createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const method = request.method ?? '';
      const path = request.url ?? '';
      const { headers } = request;
      write(listener, request.socket, { event: 'request', method, path, headers, ...body(chunks) });
      const reply = listener.replies?.[`${method} ${path}`] ?? listener.replies?.['*'];
      response.writeHead(reply?.status ?? 200, { 'content-type': 'text/plain' });
      response.end(reply?.body ?? 'ok\n');
    });
  });
}

function tcpServer(listener: SinkListener): Server {
  return createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => write(listener, socket, { event: 'data', ...body([chunk]) }));
  });
}

async function listenUdp(listener: SinkListener): Promise<void> {
  const socket = createSocket(listener.address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (message, { address, port }) => {
    const from = { remoteAddress: address, remotePort: port };
    write(listener, from, { event: 'datagram', ...body([message]) });
    socket.send(message, port, address);
  });
  socket.bind(listener.port, listener.address);
  await once(socket, 'listening');
}

function write(
  listener: SinkListener,
  from: Pick<Socket, 'remoteAddress' | 'remotePort'>,
  what: Omit<Received, 'time' | 'kind' | 'to' | 'from'>,
): void {
  const entry: Received = {
    time: new Date().toISOString(),
    kind: listener.kind,
    to: `${listener.address}:${listener.port}`,
    from: `${from.remoteAddress}:${from.remotePort}`,
    ...what,
  };
  appendFileSync(config.log, `${JSON.stringify(entry)}\n`);
}

function body(chunks: readonly Buffer[]): { body: string } {
  return { body: Buffer.concat(chunks).subarray(0, MAX_BODY).toString('latin1') };
}
