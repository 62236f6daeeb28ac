/** The one Lease of an API server, in memory, with its versions; it can be away, and slow. */
import type { Client } from '../client/types.ts';
import type { Lease } from '../election/lease.ts';
import { KubeError } from '../errors.ts';

export class LeaseServer {
  lease: Lease | undefined;
  /** Nobody answers. */
  away = false;
  /** Answers are held back until this is settled; what was asked is done at once. */
  answers: Promise<void> = Promise.resolve();
  #version = 0;

  /** Somebody changes the object by hand. */
  write(change: (lease: Lease) => Lease): void {
    if (this.lease !== undefined) this.lease = this.#versioned(change(this.lease));
  }

  readonly client = {
    get: () => this.#answer(() => this.#found()),
    create: (_: unknown, lease: Lease) =>
      this.#answer(() => {
        if (this.lease !== undefined) throw new KubeError('KUBE_ALREADY_EXISTS', 'it is there');
        this.lease = this.#versioned(lease);
        return this.lease;
      }),
    update: (_: unknown, lease: Lease) =>
      this.#answer(() => {
        const same = this.#found().metadata.resourceVersion === lease.metadata.resourceVersion;
        if (!same) throw new KubeError('KUBE_CONFLICT', 'it changed');
        this.lease = this.#versioned(lease);
        return this.lease;
      }),
  } as unknown as Client;

  async #answer(act: () => Lease): Promise<Lease> {
    if (this.away) throw new KubeError('KUBE_UNREACHABLE', 'nobody there');
    const lease = act();
    await this.answers;
    return lease;
  }

  #found(): Lease {
    if (this.lease === undefined) throw new KubeError('KUBE_NOT_FOUND', 'it is not there');
    return this.lease;
  }

  #versioned(lease: Lease): Lease {
    this.#version += 1;
    return { ...lease, metadata: { ...lease.metadata, resourceVersion: String(this.#version) } };
  }
}
