/**
 * Agents of many nodes, as the API server sees them: each has a token of its own node, connections and watches of
 * its own, and the agent's own code for where a piece comes from and for when a status is written. So there are as
 * many reads, writes and watches as real agents make, and flow control takes them for what it takes those for.
 *
 * One thread stands for a thousand machines here, and in two things it does less than these:
 * - a piece is parsed and checked once for all; each hashes what it got;
 * - until `readEach`, a piece is fetched once for all. What was there before the edit that is measured, a thousand
 *   agents have on their disks.
 * Nor are there disks and kernels: how long these take from a watch's event to the packet that is judged by it says
 * `make bench`, for one node as for a thousand.
 */
import { contentOf } from '#agent/cluster/piece-content.ts';
import { Reporter } from '#agent/cluster/reporter.ts';
import { type BundleObject, nodeAgents, policyBundles } from '#agent/cluster/resources.ts';
import type { HeldBinding } from '#api/node-agent.ts';
import { headLabel } from '#api/policy-bundle.ts';
import {
  type Client,
  createClient,
  KeyedQueue,
  type Observation,
  systemClock,
  watchCache,
  withoutManagedFields,
} from '#kube/index.ts';
import { headDigest, sha256 } from '#policy/bundle/content.ts';
import { readPiece } from '#policy/bundle/read.ts';
import type { ApiServer } from '../apiserver/server.ts';

/** Agents that start at the same moment. */
const STARTING = 100;

export class Agents {
  readonly all = new Map<string, SimulatedAgent>();
  /** Requests by verb, resource and, where it was refused, status: `patch nodeagents`, `get policybundles 429`. */
  readonly requests = new Map<string, number>();
  readonly #api: ApiServer;
  readonly #known = new Known();
  readonly #over = new AbortController();
  readonly #clients: Client[] = [];
  readonly #running: Promise<void>[] = [];

  constructor(api: ApiServer) {
    this.#api = api;
  }

  /** @param nodes whose Nodes are there */
  async start(nodes: Iterable<string>): Promise<void> {
    const waiting = [...nodes].values();
    const lane = async (): Promise<void> => {
      for (const node of waiting) await this.#start(node);
    };
    await Promise.all(Array.from({ length: STARTING }, lane));
  }

  /** From now on each reads for itself what is new. */
  readEach(): void {
    this.#known.isShared = false;
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#running);
    for (const client of this.#clients) client.close();
  }

  async #start(node: string): Promise<void> {
    const boundTo = { kind: 'Node', name: node } as const;
    const { token } = await this.#api.serviceAccount('torwacht', 'torwacht-agent', boundTo);
    const { url: server, authority: ca } = this.#api;
    const client = createClient(
      { server, namespace: 'torwacht', security: async () => ({ ca, token }) },
      { fieldManager: 'torwacht-agent', observe: (one) => this.#count(one) },
    );
    const agent = new SimulatedAgent(node, client, this.#known);
    this.#clients.push(client);
    this.all.set(node, agent);
    this.#running.push(agent.run(this.#over.signal));
    await agent.isFollowing;
  }

  #count(one: Observation): void {
    if (one.type !== 'request') return;
    const refused = one.status >= 400 ? ` ${one.status}` : '';
    const what = `${one.verb} ${one.resource}${refused}`;
    this.requests.set(what, (this.requests.get(what) ?? 0) + 1);
  }
}

/** What all of them know of pieces. */
class Known {
  /** Those that every agent has on its disk, or soon will. */
  readonly #common = new Map<string, Promise<void>>();
  readonly #checked = new Set<string>();
  isShared = true;

  has(digest: string): boolean {
    return this.#common.has(digest);
  }

  /** Resolves when the piece is where it is looked for: on a disk of all, or of the one who asks. */
  bring(digest: string, fetch: () => Promise<string>): Promise<void> {
    const common = this.#common.get(digest);
    if (common !== undefined) return common;
    const coming = fetch().then((content) => this.#check(digest, content));
    if (this.isShared) {
      this.#common.set(digest, coming);
      coming.catch(() => this.#common.delete(digest));
    }
    return coming;
  }

  #check(digest: string, content: string): void {
    if (sha256(content) !== digest) throw new Error(`${digest} is not what its name says`);
    if (!this.#checked.has(digest)) readPiece(digest, content);
    this.#checked.add(digest);
  }
}

class SimulatedAgent {
  /** By the name of a head, and when it was taken, `performance.now()`. */
  readonly held = new Map<string, Pick<HeldBinding, 'digest' | 'generation'> & { at: number }>();
  /** When an event of this head came last. */
  readonly seen = new Map<string, number>();
  readonly #node: string;
  readonly #client: Client;
  readonly #known: Known;
  /** Pieces of its own. */
  readonly #disk = new Set<string>();
  readonly #own;
  readonly #heads;
  readonly #queue: KeyedQueue;
  readonly #reporter: Reporter;
  #signal = new AbortController().signal;
  #nodes: number | undefined;

  constructor(node: string, client: Client, known: Known) {
    this.#node = node;
    this.#client = client;
    this.#known = known;
    this.#own = watchCache(client, nodeAgents, { fieldSelector: `metadata.name=${node}` });
    this.#heads = watchCache(client, policyBundles, {
      labelSelector: `${headLabel}=true`,
      transform: (bundle) => this.#withoutHeld(bundle),
    });
    const run = async (bundle: string) => {
      await this.#take(bundle);
      return undefined;
    };
    // As the agent's consumer has them.
    this.#queue = new KeyedQueue({ concurrency: 2, longestMs: 30_000, run });
    this.#reporter = new Reporter({
      client,
      clock: systemClock,
      agent: () => this.#own.get(node),
      nodes: () => this.#nodes,
      facts: () => this.#facts(),
      fault: () => undefined,
    });
  }

  get isFollowing(): Promise<unknown> {
    return Promise.all([this.#own.synced, this.#heads.synced]);
  }

  headOf(bundle: string): string | undefined {
    return this.#heads.get(bundle)?.spec.head?.digest;
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#own.subscribe(() => {
      for (const { bundle } of this.#assigned) this.#queue.add(bundle);
      this.#reporter.nudge();
    });
    this.#heads.subscribe(({ key, object, listed }) => {
      const { nodes = 0 } = object?.spec.head ?? {};
      if (nodes > 0) this.#nodes = listed ? Math.max(this.#nodes ?? 0, nodes) : nodes;
      this.seen.set(key, performance.now());
      if (this.#assigned.some(({ bundle }) => bundle === key)) this.#queue.add(key);
    });
    const running = [this.#own, this.#heads, this.#reporter].map((one) => one.run(signal));
    void this.isFollowing.then(() => this.#queue.start());
    await Promise.all(running);
    await this.#queue.pause();
    this.#queue.clear();
  }

  get #assigned() {
    return this.#own.get(this.#node)?.spec.bindings ?? [];
  }

  #has(digest: string): boolean {
    return this.#disk.has(digest) || (!this.#known.isShared && this.#known.has(digest));
  }

  /** What one head brings along would be a thousand times in the memory of this process. */
  #withoutHeld(bundle: BundleObject): BundleObject {
    const { head } = bundle.spec;
    if (head?.brings === undefined) return withoutManagedFields(bundle);
    const brings = head.brings.filter(({ digest }) => !this.#known.has(digest));
    return withoutManagedFields({ ...bundle, spec: { head: { ...head, brings } } });
  }

  async #take(bundle: string): Promise<void> {
    const found = this.#heads.get(bundle);
    const head = found?.spec.head;
    if (head === undefined || this.held.get(bundle)?.digest === head.digest) return;
    const { pieces, brings, digest, binding } = head;
    if (headDigest(pieces) !== digest) throw new Error(`${bundle} does not name its pieces`);
    const seen = { pieces, brings, resourceVersion: found?.metadata.resourceVersion };
    for (const piece of pieces) {
      if (this.#has(piece)) continue;
      const fetch = () => contentOf(this.#client, piece, seen, this.#signal);
      await this.#known.bring(piece, fetch);
      if (!this.#known.has(piece)) this.#disk.add(piece);
    }
    this.held.set(bundle, { digest, generation: binding.generation, at: performance.now() });
    this.#reporter.nudge();
  }

  #facts() {
    const bindings = this.#assigned.map(({ namespace, name, bundle }) => {
      const { digest, generation } = this.held.get(bundle) ?? {};
      return { namespace, name, ...(digest === undefined ? {} : { digest, generation }) };
    });
    return {
      ...{ version: '0.1.0', kernel: '6.12.0', capabilities: [], hostProblems: [] },
      ...{ connected: true, left: false, bindings, pods: { enforced: 0, failed: 0 } },
    };
  }
}
