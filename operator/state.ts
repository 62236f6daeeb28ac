/** What a process knows since it leads: the bundles that it built, and what it wrote. */
import type { TorwachtDocument } from '#api/documents.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import type { Key } from '#kube/index.ts';
import type { Agreed } from './bundles/agree.ts';
import { type Build, type Looked, versionOf } from './bundles/build.ts';
import { namespacesOf } from './bundles/world.ts';
import { Outstanding } from './outstanding.ts';
import { Rollout } from './status/rollout.ts';

export interface InForce {
  /** The spec of the head, as canonical JSON. */
  readonly head: string;
  readonly digest: string;
  /** Digests of the pieces. */
  readonly pieces: readonly string[];
  /** By title. */
  readonly documents: ReadonlyMap<string, TorwachtDocument>;
}

export interface BindingState extends Pick<Build, 'refused' | 'seen'> {
  /** Null while nothing of the binding was ever sound. */
  readonly inForce: InForce | null;
  readonly rollout: Rollout;
  readonly agreed: Agreed;
}

export const emptyState = (): BindingState => ({
  refused: new Map(),
  seen: new Map(),
  inForce: null,
  rollout: new Rollout(),
  agreed: new Map(),
});

export class State {
  /** By the key of the binding: those that were built. */
  readonly bindings = new Map<Key, BindingState>();
  /** Bindings of which something has changed since they were built. */
  readonly stale = new Set<Key>();
  /** Titles of policies of which nothing could be said before a binding is built. */
  readonly unsaid = new Set<string>();
  /** Heads that are being written, by the key of the binding. */
  readonly coming = new Map<Key, Pick<InForce, 'head' | 'pieces'>>();
  /** Since when the head of a binding names each of its pieces, ms, by the key of the binding. */
  readonly named = new Map<Key, ReadonlyMap<string, number>>();
  readonly outstanding = new Outstanding();
  /** When the status of an object was written last, ms, by its title. */
  readonly told = new Map<string, number>();

  /** An object is gone. */
  forget(title: string): void {
    this.outstanding.forget(title);
    this.told.delete(title);
    this.unsaid.delete(title);
  }

  /** Keys of bindings that are in force for pods of a namespace. */
  about(namespace: string): readonly Key[] {
    return this.#keys((key) => {
      const binding = this.bindingInForce(key);
      return binding !== undefined && namespacesOf(binding).includes(namespace);
    });
  }

  /** A binding as it is in force, which may be older than as it is written. */
  bindingInForce(key: Key): RunnerBinding | undefined {
    const binding = this.bindings.get(key)?.inForce?.documents.get(`RunnerBinding ${key}`);
    return binding?.kind === 'RunnerBinding' ? binding : undefined;
  }

  /** Keys of bindings whose bundles hold an object. */
  holding(title: string): readonly Key[] {
    return this.#keys((key) => this.bindings.get(key)?.inForce?.documents.has(title) === true);
  }

  #keys(fits: (key: Key) => boolean): readonly Key[] {
    return [...this.bindings.keys()].filter(fits).sort();
  }

  /** Has each of these bindings looked at the object as it is now? */
  isCurrent(object: Looked, title: string, bindings: Iterable<Key>): boolean {
    return [...bindings].every(
      (key) =>
        !this.stale.has(key) && this.bindings.get(key)?.seen.get(title) === versionOf(object),
    );
  }

  /** Keys of bindings whose heads name a piece. */
  naming(piece: string): readonly Key[] {
    return this.#keys((key) => this.bindings.get(key)?.inForce?.pieces.includes(piece) === true);
  }

  /** Does a head name the piece, or will soon? */
  isNamed(piece: string): boolean {
    return (
      this.naming(piece).length > 0 ||
      [...this.coming.values()].some(({ pieces }) => pieces.includes(piece))
    );
  }
}
