/**
 * The pods of this node that are held: each governed sandbox becomes a target, for as long as its cgroup
 * is there. That its own process has ended frees nothing: other processes of the pod may live on.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import type { Sandbox, WatchHandlers } from '../watch/watcher.ts';
import { type Governed, governed, released } from './governed.ts';

/** What of an engine's target is used here. */
export interface HeldPod {
  setPolicy(policy: Governed['policy']): void;
  /** Its sandbox has this process now. */
  runs(pid: number): void;
  /** Tells rows that have grown since they were told. */
  count(): void;
  end(): Promise<void>;
}

/**
 * What is in force about a namespace, as the same array until that changes; undefined where nobody knows, and
 * then pods that are held stay as they are.
 */
export type Documents = (namespace: string) => readonly TorwachtDocument[] | undefined;

export interface PodsParts {
  readonly documents: Documents;
  /**
   * What becomes of a held pod that no binding governs any more: it keeps its policy, or nothing is allowed to
   * it. Unless told, it keeps it.
   */
  readonly released?: 'keep' | 'deny';
  /**
   * What a sandbox is held by that no binding governs and an agent before this one held: what began under
   * enforcement ends under it. Null where none did, or nobody knows by what.
   */
  former(sandbox: Sandbox): Governed | null;
  /** Holds a sandbox's cgroup; resolves once its barrier is answered. */
  hold(sandbox: Sandbox, governed: Governed): Promise<HeldPod>;
  cgroupExists(name: string): boolean;
  /** The cgroup is gone: removes what was pinned for it, also where holding had failed half-way. */
  forget(sandbox: Sandbox): void;
  readonly log: PodLog;
}

/** What is told, with what each line says. */
export interface PodLog {
  held(sandbox: Sandbox, governed: Governed, milliseconds: number): void;
  ended(sandbox: Sandbox): void;
  failed(sandbox: Sandbox, error: unknown): void;
  /** Its policy could not be changed: the last good one stays. */
  unchanged(sandbox: Sandbox, error: unknown): void;
}

interface Entry {
  /** The runtime may make another for the same pod, in the same cgroup, when one has died. */
  sandbox: Sandbox;
  /** What it is held by, or will be; undefined where nobody could say. */
  found: Governed | undefined;
  /** Those that it was found in. */
  documents: readonly TorwachtDocument[] | undefined;
  /** Undefined while it is being attached, or where that failed. */
  held: HeldPod | undefined;
  attaching: boolean;
  /** Why it is not held, or does not have the policy that it should have. */
  error: unknown;
  /** When what hangs on its policy is tried again; `performance.now()`. */
  retryAt: number;
}

/** How often ended cgroups are looked for, and failed pods tried again, ms. */
const INTERVAL = 1000;
/** How long until a policy that could not be made, or that a pod did not take, is tried again, ms. */
const RETRY = 30_000;

export class Pods implements Pick<WatchHandlers, 'started' | 'ended' | 'listed'> {
  readonly #parts: PodsParts;
  readonly #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: PodsParts) {
    this.#parts = parts;
  }

  /** Pods that are held now. */
  get held(): number {
    return [...this.#entries.values()].filter(({ held }) => held !== undefined).length;
  }

  /** Governed pods that are not held: their barrier keeps them from starting. */
  get pending(): number {
    return this.#entries.size - this.held;
  }

  /** Of the policies by which pods are held, or will be. */
  get digests(): readonly string[] {
    return [...this.#entries.values()].flatMap(({ found }) => found?.policy.digest ?? []);
  }

  /** Governed pods that could not be held when that was tried last. */
  get failed(): number {
    return [...this.#entries.values()].filter(
      ({ held, error }) => held === undefined && error !== undefined,
    ).length;
  }

  /** Why some held pod of these namespaces does not have what is in force; undefined when all have. */
  refusal(namespaces: readonly string[]): unknown {
    return [...this.#entries.values()].find(
      ({ held, error, sandbox }) => held && error && namespaces.includes(sandbox.namespace),
    )?.error;
  }

  /** Looks after cgroups until `stop`. */
  watch(): void {
    this.#timer = setInterval(() => void this.look(), INTERVAL);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  started(sandbox: Sandbox): void {
    const known = this.#entries.get(sandbox.uid);
    if (known !== undefined) {
      if (known.sandbox.id !== sandbox.id) void this.#replace(known, sandbox);
      else if (known.sandbox.pid === null) void this.#runs(known, sandbox);
      return;
    }
    void this.#begin({
      sandbox,
      found: undefined,
      documents: undefined,
      held: undefined,
      attaching: false,
      error: undefined,
      retryAt: 0,
    });
  }

  /** Nothing is let go: `look` sees when the cgroup is gone. */
  ended(): void {}

  listed(sandboxes: readonly Sandbox[]): void {
    for (const sandbox of sandboxes) this.started(sandbox);
  }

  /** Other documents may be in force: each pod that they are about has its new policy when this returns. */
  update(): void {
    for (const entry of this.#entries.values()) {
      if (entry.found === undefined) void this.#begin(entry);
      else this.#update(entry);
    }
  }

  /** What has happened again in pods that are held is told. */
  count(): void {
    for (const { held } of this.#entries.values()) held?.count();
  }

  /** Lets go of pods whose cgroup is gone, and tries again what has failed. */
  async look(): Promise<void> {
    for (const [uid, entry] of this.#entries) {
      const { sandbox, held, attaching, error, retryAt } = entry;
      if (attaching) continue;
      if (!this.#parts.cgroupExists(sandbox.cgroup)) {
        this.#entries.delete(uid);
        await held?.end();
        this.#parts.forget(sandbox);
        this.#parts.log.ended(sandbox);
      } else if (error !== undefined && performance.now() >= retryAt) {
        if (held === undefined) await this.#begin(entry);
        else this.#update(entry);
      }
    }
  }

  /** Null where no binding governs it, and none ever did. */
  #judge(entry: Entry): Governed | null {
    const { sandbox } = entry;
    const documents = this.#parts.documents(sandbox.namespace);
    const found = documents === undefined ? null : governed(documents, sandbox);
    entry.documents = documents;
    if (found !== null) return found;
    // What began under enforcement ends under it.
    const before = entry.found ?? this.#parts.former(sandbox);
    if (before === null || documents === undefined || this.#parts.released !== 'deny')
      return before;
    return released(sandbox, before.policy.mode);
  }

  /** Holds it, where somebody governs it. */
  async #begin(entry: Entry): Promise<void> {
    const { sandbox } = entry;
    try {
      const found = this.#judge(entry);
      if (found === null) this.#entries.delete(sandbox.uid);
      else entry.found = found;
    } catch (error) {
      this.#entries.set(sandbox.uid, entry);
      Object.assign(entry, { error, retryAt: performance.now() + RETRY });
      this.#parts.log.failed(sandbox, error);
      return;
    }
    if (entry.found === undefined) return;
    this.#entries.set(sandbox.uid, entry);
    await this.#attach(entry, entry.found);
  }

  #update(entry: Entry): void {
    const { sandbox, held, error, found: before } = entry;
    if (held === undefined) return;
    try {
      const known = this.#parts.documents(sandbox.namespace);
      if (error === undefined && (known === undefined || known === entry.documents)) return;
      const found = this.#judge(entry);
      if (found !== null && found.policy.digest !== before?.policy.digest) {
        held.setPolicy(found.policy);
        entry.found = found;
      }
      entry.error = undefined;
    } catch (failed) {
      Object.assign(entry, { error: failed, retryAt: performance.now() + RETRY });
      this.#parts.log.unchanged(sandbox, failed);
    }
  }

  async #attach(entry: Entry, found: Governed): Promise<void> {
    const began = performance.now();
    const { sandbox } = entry;
    entry.attaching = true;
    try {
      entry.held = await this.#parts.hold(sandbox, found);
      entry.error = undefined;
      this.#parts.log.held(sandbox, found, performance.now() - began);
    } catch (error) {
      entry.error = error;
      this.#parts.log.failed(sandbox, error);
    } finally {
      entry.attaching = false;
    }
    // The bundle may have changed meanwhile, and so may the sandbox.
    if (entry.sandbox.id !== sandbox.id) await this.#anew(entry);
    else if (entry.sandbox !== sandbox) await this.#runs(entry, entry.sandbox);
    else this.#update(entry);
  }

  /** It has its process. What could not be held without one is tried again. */
  async #runs(entry: Entry, sandbox: Sandbox): Promise<void> {
    entry.sandbox = sandbox;
    if (entry.attaching || sandbox.pid === null) return;
    if (entry.held === undefined) return await this.#begin(entry);
    entry.held.runs(sandbox.pid);
    this.#update(entry);
  }

  /** Nothing of the pod runs in the one before: the runtime ends it all before it makes another. */
  async #replace(entry: Entry, sandbox: Sandbox): Promise<void> {
    entry.sandbox = sandbox;
    if (!entry.attaching) await this.#anew(entry);
  }

  /** What is attached to the cgroup stays there, and refuses while nothing else is known of it. */
  async #anew(entry: Entry): Promise<void> {
    const { held } = entry;
    entry.held = undefined;
    entry.attaching = true;
    await held?.end();
    await this.#begin(entry);
  }
}
