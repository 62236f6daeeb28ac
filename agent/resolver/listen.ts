/** What the UDP and the TCP server share: where they listen, whom they ask, what they tell. */
import type { Client } from '#dns/ports.ts';

/**
 * An address and port of this network namespace (port 0: the kernel's choice), or a descriptor of a
 * socket that is already bound, perhaps in another namespace; for TCP it must not listen yet or already.
 */
export type Where =
  | { readonly fd: number; readonly family?: 4 | 6 }
  | { readonly address: string; readonly port: number };

/** @returns the reply, null for none; `Resolver.handle` is one. */
export type Answerer = (request: Uint8Array, client: Client) => Promise<Uint8Array | null>;

export interface ListenOptions {
  readonly answer: Answerer;
  readonly where: Where;
  /** Told of everything that went wrong with one message or client; the server goes on. */
  fault?(error: unknown): void;
}

export interface Listening {
  readonly address: string;
  readonly port: number;
  /** Resolves when the socket is closed; what still waits for an answer gets none. */
  close(): Promise<void>;
}

export function formatWhere(where: Where): string {
  return 'fd' in where ? `descriptor ${where.fd}` : `${where.address} port ${where.port}`;
}
