/**
 * The program behind `lab.sink`: HTTP, HTTPS, TCP and UDP listeners with one log. Each entry is written
 * before the sender gets an answer, so that a sender that has ended has left its entry.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { flushCompileCache } from 'node:module';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { assertInsideLab } from '../mark.ts';
import { type Answering, answer } from './sink-answer.ts';

/** What an HTTP(S) listener answers is `ok` unless told. */
export interface SinkListener extends Answering {
  readonly kind: 'http' | 'https' | 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** Of an HTTPS listener: paths of PEM files (certificate.ts). */
  readonly tls?: { readonly key: string; readonly cert: string };
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
  /** The name that the TLS client asked for; false when it named none. */
  readonly sni?: string | false;
  /** Bytes as Latin-1, the first 64 KiB. */
  readonly body?: string;
}

const MAX_BODY = 64 * 1024;

assertInsideLab();
const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as SinkConfig;
await Promise.all(config.listeners.map(listen));
process.stdout.write('ready\n');
// It will be killed, and what it compiled is for the next one (test/kernels).
flushCompileCache();

async function listen(listener: SinkListener): Promise<void> {
  if (listener.kind === 'udp') return await listenUdp(listener);
  const server = streamServer(listener);
  server.on('connection', (socket: Socket) => write(listener, socket, { event: 'connection' }));
  server.listen(listener.port, listener.address);
  await once(server, 'listening');
}

function streamServer(listener: SinkListener): Server {
  if (listener.kind === 'http') return createHttpServer(requests(listener));
  if (listener.kind === 'tcp') return tcpServer(listener);
  const [key, cert] = [listener.tls?.key, listener.tls?.cert].map((path) =>
    readFileSync(path ?? ''),
  );
  return createHttpsServer({ key, cert }, requests(listener));
}

function requests(listener: SinkListener): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const method = request.method ?? '';
      const path = request.url ?? '';
      const { headers } = request;
      const sni = listener.kind === 'https' ? { sni: nameAsked(request.socket) } : {};
      const what = { method, path, headers, ...sni, ...body(chunks) };
      write(listener, request.socket, { event: 'request', ...what });
      const asked = { method, path, headers, body: Buffer.concat(chunks) };
      const reply = await answer(listener, asked);
      const type = { 'content-type': 'text/plain' };
      response.writeHead(reply.status ?? 200, { ...type, ...reply.headers });
      response.end(method === 'HEAD' ? undefined : reply.body);
    });
  };
}

/** Of a server's TLS socket, `servername` is what the client's SNI said. */
function nameAsked(socket: Socket): string | false {
  return (socket as Socket & { servername?: string | false }).servername ?? false;
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
