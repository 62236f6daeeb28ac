/**
 * The UDP sockets towards one DNS server. Each is connected, so that the kernel drops what comes from
 * anywhere else, and has a source port of the kernel's choice; a query goes out by a socket picked at
 * random under an id picked at random, and a socket is replaced after some queries (RFC 5452 §9).
 */
import { createSocket, type Socket } from 'node:dgram';
import { matchAnswer } from '#dns/match.ts';
import { literalLookup } from './literal-lookup.ts';
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
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Exchange>();
  /** Sent once the socket is connected; null from then on. */
  #early: Uint8Array[] | null = [];
  #retired = false;

  constructor({ address, port, family }: ServerAddress) {
    this.#socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      lookup: literalLookup(family),
    });
    this.#socket.on('message', (answer) => this.#receive(answer));
    this.#socket.on('error', () => this.#fail());
    this.#socket.on('connect', () => {
      for (const query of this.#early ?? []) this.#socket.send(query);
      this.#early = null;
    });
    this.#socket.connect(port, address);
    this.#socket.unref();
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
    if (this.#early === null) this.#socket.send(exchange.query);
    else this.#early.push(exchange.query);
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
    this.#early = null;
    this.#waiting.clear();
    this.#socket.close();
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

  /** A connected UDP socket learns from ICMP that nobody listens: every waiting query may move on. */
  #fail(): void {
    const failed = [...this.#waiting.values()];
    this.close();
    for (const exchange of failed) exchange.done('error', null);
  }

  #closeIfDone(): void {
    if (this.#retired && this.#waiting.size === 0) this.close();
  }
}
