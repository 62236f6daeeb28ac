/** Election by a Lease: waits for it, leads while it is renewed, gives it back. */
import type { Client } from '../client/types.ts';
import { type Clock, sleep, systemClock } from '../clock.ts';
import { isKubeError, KubeError } from '../errors.ts';
import type { Observe } from '../observe.ts';
import { type Lease, leases, released, renewed, type Timing, taken } from './lease.ts';
import { LeaseTerm, momentOf } from './term.ts';
import type { LeaseSettings, Term } from './types.ts';

export interface ElectionOptions {
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly observe?: Observe;
}

/**
 * Calls `lead` once a term, until the signal is aborted. The Lease is renewed until what `lead` gave has
 * settled, so a leader that is told to stop can still finish what it writes; it must end soon after
 * `term.signal` or `signal` is aborted. What it throws ends the election.
 * @throws KUBE_CONFIG for times that leave no room between two leaders
 */
export async function elect(
  client: Client,
  settings: LeaseSettings,
  options: ElectionOptions,
  lead: (term: Term) => Promise<void>,
): Promise<void> {
  const candidate = new Candidate(client, settings, options);
  while (!options.signal.aborted) {
    const term = await candidate.win();
    if (term !== undefined) await candidate.reign(term, lead);
  }
}

class Candidate {
  readonly #client: Client;
  readonly #settings: LeaseSettings;
  readonly #timing: Timing;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #observe: Observe;
  #lease: Lease | undefined;
  /** What others last wrote, and when we first saw that. */
  #seen = { text: '', at: 0 };

  constructor(client: Client, settings: LeaseSettings, options: ElectionOptions) {
    this.#client = client;
    this.#settings = settings;
    this.#timing = timingOf(settings);
    this.#signal = options.signal;
    this.#clock = options.clock ?? systemClock;
    this.#observe = options.observe ?? (() => undefined);
  }

  /** Waits until the Lease is ours; undefined when told to stop. */
  async win(): Promise<LeaseTerm | undefined> {
    while (!this.#signal.aborted) {
      let left = Number.POSITIVE_INFINITY;
      try {
        const lease = await this.#look();
        left = lease === undefined ? 0 : this.#leftOf(lease);
        if (left <= 0) return await this.#take(lease);
      } catch (error) {
        this.#failed(error);
      }
      await this.#pause(this.#signal, left);
    }
    return undefined;
  }

  async reign(term: LeaseTerm, lead: (term: Term) => Promise<void>): Promise<void> {
    this.#tell(true);
    const led = new AbortController();
    const renewing = this.#renew(term, led.signal);
    try {
      await lead(term);
    } finally {
      led.abort();
      await renewing;
      await this.#release(term);
      this.#tell(false);
    }
  }

  async #look(): Promise<Lease | undefined> {
    const { namespace, name } = this.#settings;
    try {
      const options = { timeoutMs: this.#timing.renewMs / 2, signal: this.#signal };
      const lease = await this.#client.get(leases, { namespace, name }, options);
      const text = JSON.stringify(lease.spec ?? {});
      if (text !== this.#seen.text) this.#seen = { text, at: this.#clock.monotonic() };
      return lease;
    } catch (error) {
      if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /**
   * How long somebody else may still hold it, ms; not above 0 where it is free. By the holder's own duration,
   * counted on our clock: those of two machines need not agree.
   */
  #leftOf({ spec }: Lease): number {
    // Our own it is when the answer to a write was lost, or after a term that could not be renewed.
    if (!spec?.holderIdentity || spec.holderIdentity === this.#settings.identity) return 0;
    const lasts = Math.max((spec.leaseDurationSeconds ?? 0) * 1000, this.#timing.leaseMs);
    return this.#seen.at + lasts - this.#clock.monotonic();
  }

  /** Onto the version that was read, so that of two who find it free one wins. */
  async #take(before: Lease | undefined): Promise<LeaseTerm> {
    const { renewMs } = this.#timing;
    const sent = momentOf(this.#clock);
    const lease = taken(this.#settings, this.#timing, before, sent.wall);
    const options = { timeoutMs: renewMs / 2 };
    const mine = await (before === undefined
      ? this.#client.create(leases, lease, options)
      : this.#client.update(leases, lease, options));
    this.#lease = mine;
    return new LeaseTerm(mine.spec?.leaseTransitions ?? 0, sent, renewMs, this.#clock);
  }

  async #renew(term: LeaseTerm, led: AbortSignal): Promise<void> {
    const over = AbortSignal.any([led, term.signal]);
    for (;;) {
      await this.#pause(over);
      // A stopped process wakes up here as well: it must not prolong what was over.
      const lease = this.#lease;
      if (over.aborted || term.left <= 0 || lease === undefined) break;
      const sent = momentOf(this.#clock);
      try {
        const next = renewed(lease, sent.wall);
        this.#lease = await this.#client.update(leases, next, { timeoutMs: term.left });
        term.renewed(sent);
      } catch (error) {
        this.#failed(error);
        if (isKubeError(error, 'KUBE_CONFLICT', 'KUBE_NOT_FOUND')) await this.#confirm(term);
      }
    }
    if (!led.aborted) term.end('its Lease was not renewed in time');
  }

  /** Somebody else wrote the Lease; it may still be ours. */
  async #confirm(term: LeaseTerm): Promise<void> {
    try {
      const { namespace, name, identity } = this.#settings;
      const timeoutMs = Math.max(1, term.left);
      const lease = await this.#client.get(leases, { namespace, name }, { timeoutMs });
      if (lease.spec?.holderIdentity === identity) this.#lease = lease;
      else term.end(`${lease.spec?.holderIdentity || 'nobody'} holds its Lease`);
    } catch (error) {
      if (isKubeError(error, 'KUBE_NOT_FOUND')) term.end('its Lease was deleted');
      else this.#failed(error);
    }
  }

  async #release(term: LeaseTerm): Promise<void> {
    const lease = this.#lease;
    const { left } = term;
    term.end('it gave its Lease back');
    if (lease === undefined || left <= 0) return;
    try {
      const timeoutMs = Math.max(1, left);
      await this.#client.update(leases, released(lease, this.#clock.wall()), { timeoutMs });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Candidates do not come all at once, but for what is free just then: one of them gets it. */
  #pause(signal: AbortSignal, most = Number.POSITIVE_INFINITY): Promise<void> {
    const wait = this.#timing.retryMs * (0.8 + this.#clock.random() * 0.4);
    // A wait that is lost in the clock's last digit would be none.
    return sleep(this.#clock, Math.min(wait, Math.max(1, most)), signal);
  }

  #failed(error: unknown): void {
    if (!this.#signal.aborted) this.#observe({ type: 'lease-failed', error });
  }

  #tell(leading: boolean): void {
    const holder = this.#lease?.spec?.holderIdentity;
    this.#observe({ type: 'leading', leading, holder });
  }
}

function timingOf(settings: LeaseSettings): Timing {
  const { leaseMs = 15_000, renewMs = 10_000, retryMs = 2000 } = settings;
  if (retryMs * 2 <= renewMs && renewMs < leaseMs) return { leaseMs, renewMs, retryMs };
  const given = `leaseMs ${leaseMs}, renewMs ${renewMs}, retryMs ${retryMs}`;
  throw new KubeError(
    'KUBE_CONFIG',
    `A Lease needs leaseMs above renewMs, and renewMs at least twice retryMs: ${given}.`,
  );
}
