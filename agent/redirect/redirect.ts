/**
 * How a target's queries come to its resolver: the resolver's sockets, and what leads port 53 of every
 * server to them. Two ways: address hooks where the target shares the machine's network namespace
 * (by-hooks.ts), nftables in a namespace of its own (by-nftables.ts).
 */
import type { TargetPlace } from '../target/target.ts';

export type SocketKind = 'udp' | 'tcp' | 'udp6' | 'tcp6';

export interface Redirect {
  /** What the kernel must know of it: written into the target's record before anything is attached. */
  readonly place: TargetPlace;
  /** Why nothing stands behind the cgroup's hooks; null where the backstop does, undefined where none can. */
  readonly withoutBackstop?: string | null;
  /** Descriptors of bound sockets, each once; they belong to the caller from then on. */
  take(): readonly { readonly kind: SocketKind; readonly fd: number }[];
  /** Leads port 53 to the sockets, from the moment that it resolves. Before it, the target is held already. */
  engage(): Promise<void>;
  /** Closes sockets that were not taken. What leads and judges packets stays as it is. */
  close(): void;
  /** The target is gone. */
  forget(): void;
}
