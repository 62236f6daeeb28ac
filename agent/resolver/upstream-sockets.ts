/**
 * The UDP sockets towards one DNS server. Each is connected, so that the kernel drops what comes from
 * anywhere else, and has a source port of the kernel's choice; a query goes out by a socket picked at
 * random under an id picked at random, and a socket is replaced after some queries (RFC 5452 §9).
 */
import { type DatagramEvents, type Datagrams, openDatagrams } from '#bpf/datagrams.ts';
import { native } from '#bpf/native.ts';
import { matchAnswer } from '#dns/match.ts';
import type { ServerAddress } from './upstream-address.ts';

/** What became of one sent query; `error`: the socket failed (nobody listens there, no route). */
export type Outcome = 'final' | 'truncated' | 'next' | 'error';

export interface Exchange {
  /** The query as sent, with the id of this exchange. */
  readonly query: Uint8Array;
  done(outcome: Outcome, answer: Uint8Array | null): void;
}

/** Sockets in use per server, and queries after which one is replaced. */
export const SOCKETS = 4;
export const QUERIES_PER_SOCKET = 128;

export class UpstreamSockets {
  readonly #server: ServerAddress;
  readonly #random: () => number;
  readonly #sockets: UpstreamSocket[] = [];
  #closed = false;

  /** @param random unpredictable, 0 to 65535. */
  constructor(server: ServerAddress, random: () => number) {
    this.#server = server;
    this.#random = random;
  }

  /** Opens the sockets; done by the first query, or ahead of it. */
  open(): void {
    while (this.#sockets.length < SOCKETS) this.#sockets.push(new UpstreamSocket(this.#server));
  }

  /**
   * Sends the query, whose id it sets, and calls `exchange.done` once; not before it returns.
   *
   * @returns ends the wait without calling `done`; null if no id is free.
   */
  send(exchange: Exchange): (() => void) | null {
    const index = this.#random() % SOCKETS;
    const socket = this.#socket(index);
    const id = socket.freeId(this.#random);
    if (id < 0) return null;
    exchange.query[0] = id >>> 8;
    exchange.query[1] = id;
    socket.send(id, exchange);
    if (socket.used === QUERIES_PER_SOCKET) setImmediate(() => this.#replace(index));
    return () => socket.forget(id, exchange);
  }

  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets) socket.close();
  }

  #socket(index: number): UpstreamSocket {
    this.open();
    const existing = this.#sockets[index] as UpstreamSocket;
    return existing.broken ? this.#renew(index) : existing;
  }

  #replace(index: number): void {
    if (this.#closed) return;
    this.#sockets[index]?.retire();
    this.#renew(index);
  }

  #renew(index: number): UpstreamSocket {
    const socket = new UpstreamSocket(this.#server);
    this.#sockets[index] = socket;
    return socket;
  }
}

class UpstreamSocket {
  used = 0;
  /** Failed or closed; the next query opens another one. */
  broken = false;
  /** Null where the host cannot even send there: no route, no descriptor left. */
  readonly #socket: Datagrams | null;
  readonly #waiting = new Map<number, Exchange>();
  #retired = false;

  constructor(server: ServerAddress) {
    this.#socket = connected(server, {
      message: (answer) => this.#receive(answer),
      // It learns from ICMP that nobody listens there: every waiting query may move on.
      failed: () => this.#fail(),
    });
  }

  freeId(random: () => number): number {
    for (let tries = 0; tries < 16; tries++) {
      const id = random();
      if (!this.#waiting.has(id)) return id;
    }
    return -1;
  }

  send(id: number, exchange: Exchange): void {
    this.used++;
    this.#waiting.set(id, exchange);
    if (!this.#sent(exchange.query)) setImmediate(() => this.#fail());
  }

  #sent(query: Uint8Array): boolean {
    try {
      this.#socket?.send(query);
    } catch {
      return false;
    }
    return this.#socket !== null;
  }

  forget(id: number, exchange: Exchange): void {
    if (this.#waiting.get(id) === exchange) this.#waiting.delete(id);
    this.#closeIfDone();
  }

  /** Takes no more queries; closes when the last answer came. */
  retire(): void {
    this.#retired = true;
    this.#closeIfDone();
  }

  close(): void {
    if (this.broken) return;
    this.broken = true;
    this.#waiting.clear();
    this.#socket?.close();
  }

  #receive(answer: Uint8Array): void {
    if (answer.length < 2) return;
    const id = ((answer[0] as number) << 8) | (answer[1] as number);
    const exchange = this.#waiting.get(id);
    if (exchange === undefined) return;
    const match = matchAnswer(exchange.query, answer);
    if (match === 'ignore') return;
    this.#waiting.delete(id);
    exchange.done(match, answer);
    this.#closeIfDone();
  }

  #fail(): void {
    const failed = [...this.#waiting.values()];
    this.close();
    for (const exchange of failed) exchange.done('error', null);
  }

  #closeIfDone(): void {
    if (this.#retired && this.#waiting.size === 0) this.close();
  }
}

function connected(
  { address, port, family }: ServerAddress,
  events: DatagramEvents,
): Datagrams | null {
  try {
    const fd = native().connectSocket(family === 4 ? 'udp' : 'udp6', address, port);
    return openDatagrams(fd, events);
  } catch {
    return null;
  }
}
