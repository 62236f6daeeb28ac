/**
 * Agents of many nodes, simulated: each holds what its NodeAgent names, by heads and pieces and by nothing
 * else, and says so in its own status. They share two watches; each reads pieces and writes for itself.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { TorwachtError } from '#api/error.ts';
import type { HeldBinding } from '#api/node-agent.ts';
import { type BundleHead, headLabel } from '#api/policy-bundle.ts';
import type { StoredNodeAgent } from '#api/stored.ts';
import {
  applyStatus,
  type Client,
  isKubeError,
  KeyedQueue,
  type WatchedCache,
  watchCache,
} from '#kube/index.ts';
import { type Kept, nodeAgents, policyBundles } from '#operator/resources.ts';
import { documentsFor } from '#policy/bundle/merge.ts';
import { unpack } from '#policy/bundle/packed.ts';
import { readBundle, readPiece } from '#policy/bundle/read.ts';

/** As one node has it on its disk. */
interface Holding {
  readonly digest: string;
  readonly generation: number;
  readonly documents: readonly TorwachtDocument[];
}

export interface FleetOptions {
  /** Told of every bundle that a node takes. */
  readonly holds?: (node: string, documents: readonly TorwachtDocument[]) => void;
}

export class Fleet {
  readonly agents: WatchedCache<Kept<StoredNodeAgent>>;
  /** By node, and by the name of the head. */
  readonly held = new Map<string, Map<string, Holding>>();
  readonly #client: Client;
  readonly #options: FleetOptions;
  readonly #heads;
  readonly #taking: KeyedQueue;
  readonly #reporting: KeyedQueue;
  readonly #pieces = new Map<string, Promise<readonly TorwachtDocument[]>>();
  readonly #refused = new Map<string, ReadonlyMap<string, string>>();
  readonly #over = new AbortController();
  readonly #running: readonly Promise<void>[];
  /** Nodes whose agents are away. */
  readonly away = new Set<string>();
  reports = 0;

  constructor(client: Client, options: FleetOptions = {}) {
    this.#client = client;
    this.#options = options;
    this.agents = watchCache(client, nodeAgents);
    this.#heads = watchCache(client, policyBundles, { labelSelector: `${headLabel}=true` });
    const queue = (concurrency: number, work: (node: string) => Promise<void>) =>
      new KeyedQueue({
        concurrency,
        firstMs: 50,
        longestMs: 1000,
        run: async (node) => {
          await work(node);
          return undefined;
        },
      });
    // A node holds before it says so, and none waits for what others have to say.
    this.#taking = queue(64, (node) => this.#take(node));
    this.#reporting = queue(16, (node) => this.#report(node));
    this.agents.subscribe(({ key, object, old }) => {
      if (object === undefined) this.held.delete(key);
      if (object?.metadata.generation !== old?.metadata.generation) this.wake(key);
    });
    this.#heads.subscribe(({ key }) => {
      for (const agent of this.agents.list()) {
        if (agent.spec.bindings?.some(({ bundle }) => bundle === key)) {
          this.wake(agent.metadata.name);
        }
      }
    });
    this.#running = [this.agents.run(this.#over.signal), this.#heads.run(this.#over.signal)];
    this.#taking.start();
    this.#reporting.start();
  }

  wake(node: string): void {
    this.#taking.add(node);
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await Promise.all([this.#taking.pause(), this.#reporting.pause()]);
    await Promise.all(this.#running);
  }

  /** What a node would compile for a pod of the namespace. */
  documents(node: string, namespace: string): readonly TorwachtDocument[] {
    const bundles = [...(this.held.get(node)?.values() ?? [])].map(({ documents }) => documents);
    return documentsFor(namespace, bundles);
  }

  async #take(node: string): Promise<void> {
    const agent = this.agents.get(node);
    if (agent === undefined || this.away.has(node)) return;
    const held = this.held.get(node) ?? new Map<string, Holding>();
    this.held.set(node, held);
    const wanted = agent.spec.bindings ?? [];
    for (const name of held.keys()) {
      if (!wanted.some(({ bundle }) => bundle === name)) held.delete(name);
    }
    const refused = new Map<string, string>();
    for (const { bundle } of wanted) {
      const why = await this.#takeHead(node, held, bundle);
      if (why !== undefined) refused.set(bundle, why);
    }
    this.#refused.set(node, refused);
    this.#reporting.add(node);
  }

  async #report(node: string): Promise<void> {
    const agent = this.agents.get(node);
    if (agent === undefined) return;
    const bindings: HeldBinding[] = (agent.spec.bindings ?? []).map(
      ({ namespace, name, bundle }) => {
        const { digest, generation } = this.held.get(node)?.get(bundle) ?? {};
        const reason = this.#refused.get(node)?.get(bundle);
        const said = { digest, generation, reason, message: reason && 'It is simulated.' };
        const given = Object.entries(said).filter(([, value]) => value !== undefined);
        return { namespace, name, ...Object.fromEntries(given) };
      },
    );
    const pods = { enforced: 0, failed: 0 };
    const observedGeneration = agent.metadata.generation;
    const status = { observedGeneration, bindings, pods, version: '0.1.0', kernel: '6.12.0' };
    if (await applyStatus(this.#client, nodeAgents, agent, status)) this.reports += 1;
  }

  /** Gives why the newest head is not held. */
  async #takeHead(
    node: string,
    held: Map<string, Holding>,
    bundle: string,
  ): Promise<string | undefined> {
    const head = this.#heads.get(bundle)?.spec.head;
    if (head === undefined || held.get(bundle)?.digest === head.digest) return undefined;
    try {
      const pieces = new Map<string, readonly TorwachtDocument[]>();
      for (const digest of head.pieces) pieces.set(digest, await this.#piece(digest, head.brings));
      const documents = readBundle(head, (digest) => pieces.get(digest));
      held.set(bundle, { digest: head.digest, generation: head.binding.generation, documents });
      this.#options.holds?.(node, documents);
      return undefined;
    } catch (error) {
      // An older head: the next one is on its way.
      if (isKubeError(error, 'KUBE_NOT_FOUND')) throw error;
      if (error instanceof TorwachtError) return 'BundleRefused';
      throw error;
    }
  }

  /** Those that a node has are not read again, as an agent has them on its disk. */
  #piece(digest: string, brings: BundleHead['brings']): Promise<readonly TorwachtDocument[]> {
    const known = this.#pieces.get(digest);
    if (known !== undefined) return known;
    const brought = brings?.find((piece) => piece.digest === digest);
    const content =
      brought === undefined
        ? this.#client
            .get(policyBundles, { name: digest })
            .then(({ spec }) => spec.piece?.content ?? '')
        : Promise.resolve(unpack(brought.packed) ?? '');
    const read = content.then((text) => readPiece(digest, text));
    this.#pieces.set(digest, read);
    read.catch(() => this.#pieces.delete(digest));
    return read;
  }
}
