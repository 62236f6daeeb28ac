/**
 * Asks the configured DNS servers: the first that is not known to fail, then the next after a timeout or
 * a useless answer, by TCP where a datagram was too short. Each attempt has a fresh id and goes out by
 * another socket; the answer is handed back under the id that the caller gave.
 */
import { failure } from '#api/error.ts';
import type { Upstream } from '#dns/ports.ts';
import { errors } from './errors.ts';
import { formatServerAddress, parseServerAddress, type ServerAddress } from './upstream-address.ts';
import { type Outcome, UpstreamSockets } from './upstream-sockets.ts';
import { askByTcp } from './upstream-tcp.ts';

export interface UpstreamOptions {
  /** `address` or `address:port`, in order of preference. */
  readonly servers: readonly string[];
  /** Monotonic, ms. */
  clock(): number;
  /** Unpredictable, 0 to 65535. */
  random(): number;
  /** How long one attempt waits, ms. */
  readonly timeout?: number;
}

/** Three attempts end before the five seconds after which common clients ask again. */
const TIMEOUT = 1500;
const ATTEMPTS = 3;

/** A server that did not answer stands behind the others for so long, ms. */
const PENALTY = 30_000;

/** Look-ups that wait at once, over all targets that share these servers. */
const MOST_WAITING = 4096;

export interface ServerPool extends Upstream {
  /** Gives up what waits and closes the sockets. */
  close(): void;
}

/** @throws TW_RESOLVER_UPSTREAM_ADDRESS, TW_RESOLVER_NO_UPSTREAM. */
export function createUpstream(options: UpstreamOptions): ServerPool {
  if (options.servers.length === 0) throw failure(errors.noUpstream);
  return new Pool(options);
}

interface Server {
  readonly address: ServerAddress;
  readonly sockets: UpstreamSockets;
  failingUntil: number;
}

class Pool implements ServerPool {
  readonly #servers: readonly Server[];
  readonly #options: UpstreamOptions;
  readonly #waiting = new Set<Lookup>();
  #closed = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#servers = options.servers.map((text) => {
      const address = parseServerAddress(text);
      return { address, sockets: new UpstreamSockets(address, options.random), failingUntil: 0 };
    });
    this.#servers[0]?.sockets.open();
  }

  query(query: Uint8Array, name: string): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(failure(errors.closed, { name }));
    if (this.#waiting.size >= MOST_WAITING) {
      return Promise.reject(failure(errors.busy, { count: MOST_WAITING }));
    }
    return new Promise((resolve, reject) => {
      const ended = (): boolean => this.#waiting.delete(lookup);
      const lookup = new Lookup(query, name, this.#inOrder(), this.#options, {
        resolve: (answer) => {
          ended();
          resolve(answer);
        },
        reject: (error) => {
          ended();
          reject(error);
        },
      });
      this.#waiting.add(lookup);
      lookup.attempt();
    });
  }

  close(): void {
    this.#closed = true;
    for (const lookup of [...this.#waiting]) lookup.giveUp();
    for (const server of this.#servers) server.sockets.close();
  }

  #inOrder(): readonly Server[] {
    const now = this.#options.clock();
    if (!this.#servers.some((server) => server.failingUntil > now)) return this.#servers;
    const failing = (server: Server): boolean => server.failingUntil > now;
    return [
      ...this.#servers.filter((server) => !failing(server)),
      ...this.#servers.filter(failing).sort((a, b) => a.failingUntil - b.failingUntil),
    ];
  }
}

interface Settle {
  resolve(answer: Uint8Array): void;
  reject(error: Error): void;
}

/** One query on its way through the servers. */
class Lookup {
  readonly #query: Uint8Array;
  readonly #name: string;
  readonly #servers: readonly Server[];
  readonly #options: UpstreamOptions;
  readonly #settle: Settle;
  #attempts = 0;
  #timeouts = 0;
  #timer: NodeJS.Timeout | null = null;
  #stop: (() => void) | null = null;

  constructor(
    query: Uint8Array,
    name: string,
    servers: readonly Server[],
    options: UpstreamOptions,
    settle: Settle,
  ) {
    this.#query = query;
    this.#name = name;
    this.#servers = servers;
    this.#options = options;
    this.#settle = settle;
  }

  attempt(): void {
    const server = this.#servers[this.#attempts % this.#servers.length] as Server;
    this.#attempts++;
    const sent = Buffer.from(this.#query);
    const timeout = this.#options.timeout ?? TIMEOUT;
    this.#stop = server.sockets.send({
      query: sent,
      done: (outcome, answer) => {
        clearTimeout(this.#timer ?? undefined);
        if (outcome !== 'truncated') return this.#ended(server, outcome, answer);
        const byTcp = (result: Outcome, whole: Uint8Array | null): void =>
          this.#ended(server, result, whole);
        this.#stop = askByTcp(server.address, sent, timeout, byTcp);
      },
    });
    if (this.#stop === null) this.#ended(server, 'next', null);
    else this.#timer = setTimeout(() => this.#timedOut(server), timeout);
  }

  giveUp(): void {
    this.#release();
    this.#settle.reject(failure(errors.closed, { name: this.#name }));
  }

  #ended(server: Server, outcome: Outcome, answer: Uint8Array | null): void {
    this.#release();
    if (outcome === 'final' && answer !== null) {
      server.failingUntil = 0;
      answer[0] = this.#query[0] as number;
      answer[1] = this.#query[1] as number;
      this.#settle.resolve(answer);
      return;
    }
    if (outcome === 'error') this.#penalize(server);
    this.#next(server, outcome === 'error' ? 'cannot be reached' : 'gave no usable answer');
  }

  #timedOut(server: Server): void {
    this.#release();
    this.#timeouts++;
    this.#penalize(server);
    this.#next(server, 'did not answer in time');
  }

  #next(server: Server, why: string): void {
    const most = Math.max(ATTEMPTS, this.#servers.length);
    if (this.#timeouts < ATTEMPTS && this.#attempts < most) {
      this.attempt();
      return;
    }
    const fields = { name: this.#name, server: formatServerAddress(server.address), why };
    this.#settle.reject(failure(errors.noAnswer, fields));
  }

  #penalize(server: Server): void {
    server.failingUntil = this.#options.clock() + PENALTY;
  }

  #release(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    this.#stop?.();
    this.#stop = null;
  }
}
