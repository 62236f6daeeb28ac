/**
 * The pods of this node that are held: each governed sandbox becomes a target, for as long as its cgroup
 * is there. That its own process has ended frees nothing: other processes of the pod may live on.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import type { EgressEvent } from '#api/event.ts';
import type { Sandbox, WatchHandlers } from '../watch/watcher.ts';
import { type Governed, governed } from './governed.ts';

/** What of an engine's target is used here. */
export interface HeldPod {
  setPolicy(policy: Governed['policy']): void;
  end(): Promise<readonly EgressEvent[]>;
}

export interface PodsParts {
  readonly documents: readonly TorwachtDocument[];
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
  readonly sandbox: Sandbox;
  /** Undefined while it is being attached, or where that failed. */
  held: HeldPod | undefined;
  /** What is in force, or will be once it is attached. */
  digest: string;
  attaching: boolean;
}

/** How often ended cgroups are looked for, and failed pods tried again, ms. */
const INTERVAL = 1000;

export class Pods implements Pick<WatchHandlers, 'started' | 'ended' | 'listed'> {
  readonly #parts: PodsParts;
  readonly #entries = new Map<string, Entry>();
  #documents: readonly TorwachtDocument[];
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: PodsParts) {
    this.#parts = parts;
    this.#documents = parts.documents;
  }

  /** Pods that are held now. */
  get held(): number {
    return [...this.#entries.values()].filter(({ held }) => held !== undefined).length;
  }

  /** Governed pods that are not held: their barrier keeps them from starting. */
  get pending(): number {
    return this.#entries.size - this.held;
  }

  /** Looks after cgroups until `stop`. */
  watch(): void {
    this.#timer = setInterval(() => void this.look(), INTERVAL);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  started(sandbox: Sandbox): void {
    if (this.#entries.has(sandbox.uid)) return;
    const found = governed(this.#documents, sandbox);
    if (found === null) return;
    const { digest } = found.policy;
    const entry: Entry = { sandbox, held: undefined, digest, attaching: false };
    this.#entries.set(sandbox.uid, entry);
    void this.#attach(entry, found);
  }

  /** Nothing is let go: `look` sees when the cgroup is gone. */
  ended(): void {}

  listed(sandboxes: readonly Sandbox[]): void {
    for (const sandbox of sandboxes) this.started(sandbox);
  }

  /**
   * Another bundle. A pod that no binding governs any more keeps the policy that it has: what began under
   * enforcement ends under it.
   */
  setDocuments(documents: readonly TorwachtDocument[]): void {
    this.#documents = documents;
    for (const entry of this.#entries.values()) this.#update(entry);
  }

  /** Lets go of pods whose cgroup is gone, and tries again those that could not be attached. */
  async look(): Promise<void> {
    for (const [uid, entry] of this.#entries) {
      const { sandbox, held, attaching } = entry;
      if (attaching) continue;
      if (!this.#parts.cgroupExists(sandbox.cgroup)) {
        this.#entries.delete(uid);
        await held?.end();
        this.#parts.forget(sandbox);
        this.#parts.log.ended(sandbox);
      } else if (held === undefined) {
        const found = governed(this.#documents, sandbox);
        if (found !== null) await this.#attach(entry, found);
      }
    }
  }

  #update(entry: Entry): void {
    const { sandbox, held } = entry;
    try {
      const found = governed(this.#documents, sandbox);
      if (found === null || found.policy.digest === entry.digest) return;
      held?.setPolicy(found.policy);
      entry.digest = found.policy.digest;
    } catch (error) {
      this.#parts.log.unchanged(sandbox, error);
    }
  }

  async #attach(entry: Entry, found: Governed): Promise<void> {
    const began = performance.now();
    const { sandbox } = entry;
    entry.attaching = true;
    try {
      entry.held = await this.#parts.hold(sandbox, found);
      this.#parts.log.held(sandbox, found, performance.now() - began);
    } catch (error) {
      this.#parts.log.failed(sandbox, error);
    } finally {
      entry.attaching = false;
    }
    // The bundle may have changed meanwhile.
    entry.digest = found.policy.digest;
    this.#update(entry);
  }
}
