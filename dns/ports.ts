/** What the resolver needs from outside: four interfaces of one method each. */
import type { Reason } from '#api/event.ts';
import type { Permission } from '#policy/types.ts';
import type { Transport } from './decide.ts';

export interface Client {
  readonly address: string;
  readonly port: number;
  readonly transport: Transport;
}

export interface Upstream {
  /**
   * Sends this message to the configured servers and gives the answer of one of them, under the id of
   * `query`. Failover, timeouts and the retry by TCP happen behind it (see `matchAnswer`).
   * Rejects when no server gave a usable answer. Must not throw.
   *
   * @param name the question's name, for messages of errors.
   */
  query(query: Uint8Array, name: string): Promise<Uint8Array>;
}

export interface LearnedAddress {
  /** IPv4, host order, unsigned. */
  readonly address: number;
  /** For how long from now the kernel must hold it, grace included. */
  readonly seconds: number;
}

export interface Sink {
  /**
   * The answer of a name with these permissions is under way; `learn` will be told of it, or `abandon`. May throw:
   * `learn` says it.
   */
  prepare(name: string, permissions: readonly Permission[]): void;
  /** No address came of what was prepared, or none that its name allows. */
  abandon(name: string): void;
  /**
   * Puts a name's addresses into the kernel's map; returns once they are there. Throwing refuses the
   * client its answer (SERVFAIL).
   *
   * @param refused Observe only: Block would not have given this answer, so the addresses must be
   *   marked with the name and must not be allowed by it, even where the name itself is.
   */
  learn(name: string, addresses: readonly LearnedAddress[], refused: boolean): void;
}

/** A query that Block refuses: one call for each message. */
export interface RefusedQuery {
  /** Lower-case, escaped; see codec/name.ts. */
  readonly name: string;
  /** The query's type: 1 for A, 28 for AAAA. */
  readonly type: number;
  readonly reason: Reason;
  /** Index into the current policy's rules. */
  readonly rule: number;
  /** Reason `cname`: the name of the chain that is denied. */
  readonly cname: string | null;
  /** Reason `private-answer`: the address; IPv4, host order. */
  readonly address: number | null;
  readonly client: Client;
  /** Let pass all the same (Observe). */
  readonly resolved: boolean;
}

/** A lookup whose answer the kernel has just learned; names that it knows already are not told again. */
export interface AllowedQuery {
  /** Lower-case, escaped; see codec/name.ts. */
  readonly name: string;
  /** Index into the current policy's rules. */
  readonly rule: number;
  readonly client: Client;
}

export interface Evidence {
  refused(query: RefusedQuery): void;
  allowed(query: AllowedQuery): void;
}
