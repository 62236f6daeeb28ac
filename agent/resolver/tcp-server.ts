/**
 * The resolver by TCP (RFC 7766): messages behind a length of two bytes, as many as a client sends on one
 * connection. Every one of them is judged by itself; a second message in the same segment, or one that
 * is spread over many, is a message like any other.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { failure } from '#api/error.ts';
import type { Client } from '#dns/ports.ts';
import { errors } from './errors.ts';
import { formatWhere, type Listening, type ListenOptions } from './listen.ts';

export interface TcpLimits {
  /** Connections at once; more are closed as they come. */
  readonly connections: number;
  /** Messages of one connection that wait for their reply; then it is not read until one is sent. */
  readonly inFlight: number;
  /** A connection on which nothing moves for so long is closed, ms. */
  readonly idle: number;
}

const defaults: TcpLimits = { connections: 64, inFlight: 16, idle: 10_000 };

/** The longest message taken: a query with one name and an OPT is far below, whatever its options. */
const LONGEST = 4096;

/** Resolves once connections are taken. @throws TW_RESOLVER_LISTEN (rejects) */
export function listenByTcp(
  options: ListenOptions & { readonly limits?: Partial<TcpLimits> },
): Promise<Listening> {
  const { where } = options;
  const limits = { ...defaults, ...options.limits };
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    new Connection(socket, options, limits).start();
  });
  server.maxConnections = limits.connections;
  return new Promise((resolve, reject) => {
    const refused = (cause: unknown): void =>
      reject(failure(errors.listen, { transport: 'TCP', where: formatWhere(where) }, cause));
    server.once('error', refused);
    const listening = (): void => {
      server.off('error', refused);
      server.on('error', (error) => options.fault?.(error));
      resolve({ ...boundTo(server), close: () => closed(server, open) });
    };
    if ('fd' in where) server.listen({ fd: where.fd, exclusive: true }, listening);
    else server.listen({ host: where.address, port: where.port, exclusive: true }, listening);
  });
}

function boundTo(server: Server): { address: string; port: number } {
  const bound = server.address();
  return bound === null || typeof bound === 'string' ? { address: '', port: 0 } : bound;
}

function closed(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of open) socket.destroy();
  });
}

class Connection {
  readonly #socket: Socket;
  readonly #options: ListenOptions;
  readonly #limits: TcpLimits;
  readonly #client: Client;
  /** Read, and not yet a whole message or not yet taken; bounded by LONGEST and one chunk. */
  #received = Buffer.alloc(0);
  #inFlight = 0;
  /** The client does not read its replies: no more of its messages until it does. */
  #full = false;
  /** The client sends no more; it may still wait for replies. */
  #ended = false;

  constructor(socket: Socket, options: ListenOptions, limits: TcpLimits) {
    this.#socket = socket;
    this.#options = options;
    this.#limits = limits;
    this.#client = {
      address: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
      transport: 'tcp',
    };
  }

  start(): void {
    const socket = this.#socket;
    socket.setTimeout(this.#limits.idle, () => socket.destroy());
    // A client that resets its connection is no fault of ours; 'close' follows.
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#take();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#take();
    });
    socket.on('drain', () => {
      this.#full = false;
      this.#take();
    });
  }

  /** Takes whole messages as long as there is room for their replies. */
  #take(): void {
    while (!this.#full && this.#inFlight < this.#limits.inFlight && this.#received.length >= 2) {
      const length = this.#received.readUInt16BE(0);
      if (length > LONGEST) {
        this.#socket.destroy();
        return;
      }
      if (this.#received.length < 2 + length) break;
      const message = this.#received.subarray(2, 2 + length);
      this.#received = this.#received.subarray(2 + length);
      this.#answer(message);
    }
    if (this.#full || this.#inFlight >= this.#limits.inFlight) this.#socket.pause();
    else if (this.#ended && this.#inFlight === 0) this.#socket.end();
    else this.#socket.resume();
  }

  #answer(message: Uint8Array): void {
    this.#inFlight++;
    this.#options.answer(message, this.#client).then(
      (reply) => {
        this.#inFlight--;
        if (reply !== null) this.#reply(reply);
        this.#take();
      },
      (error: unknown) => {
        this.#inFlight--;
        this.#options.fault?.(error);
        this.#take();
      },
    );
  }

  #reply(reply: Uint8Array): void {
    if (this.#socket.destroyed || !this.#socket.writable) return;
    const framed = Buffer.allocUnsafe(2 + reply.length);
    framed.writeUInt16BE(reply.length);
    framed.set(reply, 2);
    // One write for both: some clients read the length and the message in one go.
    if (!this.#socket.write(framed)) this.#full = true;
  }
}
