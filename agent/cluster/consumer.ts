/**
 * The agent as a consumer of the API: it watches its own NodeAgent and the heads of bundles, and puts those
 * that its NodeAgent names in force, whole or not at all. What it cannot use leaves in force what there was.
 * What was in force last is on disk, so that neither a start nor a pod needs the API server.
 */

import type { TorwachtDocument } from '#api/documents.ts';
import { failure } from '#api/error.ts';
import type { HeldBinding } from '#api/node-agent.ts';
import { headLabel } from '#api/policy-bundle.ts';
import {
  type Client,
  type Clock,
  KeyedQueue,
  type Observe,
  systemClock,
  type WatchedCache,
  watchCache,
  withoutManagedFields,
} from '#kube/index.ts';
import { headDigest } from '#policy/bundle/content.ts';
import { errors as bundleErrors } from '#policy/bundle/errors.ts';
import { Bundles, contentsOf } from './bundles.ts';
import { errors } from './errors.ts';
import { type HeldHead, referenceKey } from './held.ts';
import { Pieces } from './pieces.ts';
import { type Problem, problemOf } from './reason.ts';
import { type BundleObject, type NodeAgentObject, nodeAgents, policyBundles } from './resources.ts';
import { BundleStore } from './store.ts';

export interface ConsumerOptions {
  readonly client: Client;
  /** Name of the node, and of its NodeAgent. */
  readonly node: string;
  /** Where bundles are kept. */
  readonly folder: string;
  readonly clock?: Clock;
  readonly observe?: Observe;
  /** Bytes of all bundles; 128 MiB unless told. */
  readonly limit?: number;
  /**
   * Other documents are in force, or other things are to be said. With `bindings`, pods may be governed that
   * were not.
   */
  changed(what: { readonly bindings: boolean }): void;
  /** Why a pod of these namespaces does not have what is in force now. */
  refused(namespaces: readonly string[]): Problem | undefined;
  /** Told of what went wrong; it is tried again. */
  fault(error: unknown): void;
}

type Assigned = NonNullable<NodeAgentObject['spec']['bindings']>[number];

/** What fails is tried again after 500 ms, and at least twice a minute. */
const LONGEST_WAIT = 30_000;
/** A piece that changed on the disk is fetched anew, but not without pause: the disk may be at fault, ms. */
const REPAIR_AFTER = 1000;

export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #store: BundleStore;
  readonly #bundles: Bundles;
  readonly #pieces: Pieces;
  readonly #agents: WatchedCache<NodeAgentObject>;
  readonly #heads: WatchedCache<BundleObject>;
  readonly #queue: KeyedQueue;
  readonly #problems = new Map<string, Problem>();
  /** Pieces of heads that are not in force yet. */
  readonly #pending = new Map<string, readonly string[]>();
  /** By binding: what all of its pods have. */
  readonly #settled = new Map<string, Pick<HeldBinding, 'digest' | 'generation'>>();
  readonly #stopped = new AbortController();
  #commits: Promise<unknown> = Promise.resolve();
  #kept = false;
  #nodes: number | undefined;

  constructor(options: ConsumerOptions) {
    const { client, node, folder, clock = systemClock, observe = () => undefined } = options;
    this.#options = options;
    const store = new BundleStore(folder, node);
    this.#store = store;
    this.#bundles = new Bundles((digest) => store.piece(digest));
    const { limit } = options;
    const parts = { client, store, bundles: this.#bundles };
    this.#pieces = new Pieces(limit === undefined ? parts : { ...parts, limit });
    const common = { clock, observe };
    const mine = { fieldSelector: `metadata.name=${node}`, ...common };
    this.#agents = watchCache(client, nodeAgents, mine);
    this.#heads = watchCache(client, policyBundles, {
      labelSelector: `${headLabel}=true`,
      transform: (head) => this.#withoutHeld(head),
      ...common,
    });
    this.#queue = new KeyedQueue({
      run: (key) => this.#bindingChanged(key),
      concurrency: 2,
      clock,
      longestMs: LONGEST_WAIT,
      failed: (key, error) => this.#failed(key, error),
    });
  }

  /** Pieces that a head brings along and that are here already would be in memory for nothing. */
  #withoutHeld(bundle: BundleObject): BundleObject {
    const { head } = bundle.spec;
    if (head?.brings === undefined) return withoutManagedFields(bundle);
    const brings = head.brings.filter(({ digest }) => !this.#bundles.has(digest));
    return withoutManagedFields({ ...bundle, spec: { head: { ...head, brings } } });
  }

  /** Puts in force what was kept on disk. */
  open(): void {
    try {
      const heads = this.#store.read();
      this.#kept = heads !== undefined;
      for (const head of heads ?? []) this.#take(head);
    } catch (error) {
      this.#options.fault(error);
    }
  }

  /** Follows the API server through all of its faults, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#agents.subscribe(() => this.#specChanged());
    this.#heads.subscribe(({ object, old, listed }) => {
      const { nodes = 0 } = object?.spec.head ?? {};
      // Of a list it is not known which was written last.
      if (nodes > 0) this.#nodes = listed ? Math.max(this.#nodes ?? 0, nodes) : nodes;
      this.#headChanged((object ?? old)?.metadata.name);
    });
    const running = [this.#agents.run(signal), this.#heads.run(signal)];
    void Promise.all([this.#agents.synced, this.#heads.synced]).then(() => {
      this.#queue.start(this.#keys());
    });
    await Promise.all(running);
    this.#stopped.abort();
    await this.#queue.pause();
    this.#queue.clear();
    await this.#commits;
  }

  /** What is in force about a namespace, as the same array until it changes; undefined where nobody knows. */
  documents(namespace: string): readonly TorwachtDocument[] | undefined {
    try {
      const documents = this.#bundles.documents(namespace);
      return documents?.length === 0 && !this.#isComplete() ? undefined : documents;
    } catch (error) {
      this.#options.fault(error);
      for (const key of this.#keys()) this.#queue.addAfter(key, REPAIR_AFTER);
      return undefined;
    }
  }

  /** Our object as it was seen last. */
  get agent(): NodeAgentObject | undefined {
    return this.#agents.get(this.#options.node);
  }

  /** How many nodes the fleet had when a head was written last; undefined where none says so. */
  get nodes(): number | undefined {
    return this.#nodes;
  }

  /** Is anything known, from the API server or from disk? */
  get isTold(): boolean {
    return this.#kept || this.#assigned() !== undefined;
  }

  get isFollowing(): boolean {
    return this.#agents.hasSynced && this.#heads.hasSynced;
  }

  get hasProblem(): boolean {
    return this.#problems.size > 0;
  }

  /** For the status: one entry for each binding that this node must hold. */
  bindings(): readonly HeldBinding[] {
    return [...(this.#assigned()?.values() ?? [])].map(({ namespace, name }) => {
      const key = referenceKey({ namespace, name });
      const head = this.#bundles.heads.get(key);
      const refused = head && this.#options.refused(head.namespaces);
      if (head && refused === undefined && this.#bundles.isWhole(head)) {
        this.#settled.set(key, { digest: head.digest, generation: head.generation });
      }
      return {
        namespace,
        name,
        ...this.#settled.get(key),
        ...(this.#problems.get(key) ?? refused),
      };
    });
  }

  #take(head: HeldHead): void {
    this.#bundles.put(head);
    for (const digest of head.pieces) {
      if (this.#bundles.has(digest)) continue;
      try {
        this.#bundles.add(digest, contentsOf(digest, this.#store.piece(digest)));
      } catch (error) {
        this.#options.fault(error);
      }
    }
  }

  /** Undefined while there is no object of ours, or nobody could ask for it. */
  #assigned(): ReadonlyMap<string, Assigned> | undefined {
    const { agent } = this;
    if (agent === undefined) return undefined;
    return new Map((agent.spec.bindings ?? []).map((one) => [referenceKey(one), one]));
  }

  /** Does what is in force say all that there is to say? */
  #isComplete(): boolean {
    const assigned = this.#assigned();
    if (assigned === undefined) return this.#kept;
    return [...assigned.keys()].every((key) => this.#bundles.heads.has(key));
  }

  #keys(): Set<string> {
    return new Set([...(this.#assigned()?.keys() ?? []), ...this.#bundles.heads.keys()]);
  }

  #specChanged(): void {
    for (const key of this.#keys()) this.#queue.add(key);
    this.#options.changed({ bindings: false });
  }

  #headChanged(name: string | undefined): void {
    for (const [key, { bundle }] of this.#assigned() ?? []) {
      if (bundle === name) this.#queue.add(key);
    }
  }

  async #bindingChanged(key: string): Promise<undefined> {
    const all = this.#assigned();
    // Without an object of ours nobody has said anything: what there was stays.
    if (all === undefined) return;
    const assigned = all.get(key);
    const before = this.#bundles.heads.get(key);
    if (assigned === undefined) {
      this.#pending.delete(key);
      if (before !== undefined) await this.#commit(key, undefined, true);
    } else {
      await this.#follow(key, assigned, before);
      this.#pending.delete(key);
    }
    if (this.#problems.delete(key)) this.#options.changed({ bindings: false });
  }

  async #follow(key: string, assigned: Assigned, before: HeldHead | undefined): Promise<void> {
    const { head, resourceVersion } = this.#headOf(assigned);
    const { generation } = head.binding;
    const { digest, pieces, brings } = head;
    const whole = before !== undefined && this.#bundles.isWhole(before);
    if (whole && before.digest === digest && before.generation === generation) return;
    if (headDigest(pieces) !== digest) {
      throw failure(bundleErrors.digest, { what: 'head', name: assigned.bundle });
    }
    this.#pending.set(key, pieces);
    const bindingBefore = whole ? this.#bundles.bindingIn(before) : undefined;
    await this.#pieces.bring({ pieces, brings, resourceVersion }, this.#stopped.signal);
    const { namespace, name } = assigned;
    const next = { namespace, name, generation, digest, pieces };
    const binding = this.#bundles.bindingIn(next);
    if (binding === undefined) {
      throw failure(errors.noBinding, { name: assigned.bundle, binding: key });
    }
    const namespaces = [...new Set(binding.spec.selector?.namespaces ?? [namespace])];
    const others = JSON.stringify(bindingBefore?.spec) !== JSON.stringify(binding.spec);
    await this.#commit(key, { ...next, namespaces }, others);
  }

  /** @throws TW_AGENT_HEAD_MISSING, TW_AGENT_HEAD_OF_ANOTHER */
  #headOf({ namespace, name, bundle }: Assigned) {
    const found = this.#heads.get(bundle);
    const head = found?.spec.head;
    if (head === undefined) throw failure(errors.headMissing, { name: bundle });
    const { binding } = head;
    if (binding.namespace !== namespace || binding.name !== name) {
      throw failure(errors.headOfAnother, { name: bundle, binding: `${namespace}/${name}` });
    }
    return { head, resourceVersion: found?.metadata.resourceVersion };
  }

  /** On disk first: whoever starts after us must not go back. Then for all pods, at once. */
  #commit(key: string, head: HeldHead | undefined, bindings: boolean): Promise<void> {
    const commit = this.#commits.then(async () => {
      const heads = new Map(this.#bundles.heads);
      if (head === undefined) heads.delete(key);
      else heads.set(key, head);
      await this.#store.writeHeads([...heads.values()]);
      this.#kept = true;
      if (head === undefined) this.#drop(key);
      else this.#bundles.put(head);
      this.#options.changed({ bindings });
      await this.#collect();
    });
    this.#commits = commit.catch(() => undefined);
    return commit;
  }

  #drop(key: string): void {
    this.#bundles.drop(key);
    this.#settled.delete(key);
  }

  /** What nobody names any more goes; if it cannot, it is in nobody's way. */
  async #collect(): Promise<void> {
    const pending = new Set([...this.#pending.values()].flat());
    this.#bundles.collect(pending);
    try {
      await this.#store.collect((digest) => this.#bundles.has(digest) || pending.has(digest));
    } catch (error) {
      this.#options.fault(error);
    }
  }

  #failed(key: string, error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    const problem = problemOf(error);
    const before = this.#problems.get(key);
    this.#problems.set(key, problem);
    if (before?.message === problem.message) return;
    this.#options.fault(error);
    this.#options.changed({ bindings: false });
  }
}
