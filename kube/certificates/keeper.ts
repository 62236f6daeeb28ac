/** Keeps certificates current: in the Secret, where clients read whom to trust, in the server; in this order back. */
import { watchCache } from '../cache/cache.ts';
import type { Resource } from '../client/resource.ts';
import type { Client, Selectors } from '../client/types.ts';
import { type Clock, sleep, systemClock } from '../clock.ts';
import { KeyedQueue } from '../queue/queue.ts';
import type { Issued } from './issue.ts';
import {
  bundleOf,
  type Held,
  type Lifetimes,
  lifetimes,
  nextStep,
  type Step,
  takeStep,
} from './plan.ts';
import { type Kept, type Place, readSecret, secrets, writeSecret } from './secret.ts';

/** Where clients read whom to trust. */
export interface Trust {
  /** Objects of which a change is looked at: somebody may have taken the authorities away. */
  readonly watched: readonly { readonly of: Resource; readonly selectors: Selectors }[];
  /** Do all clients have this bundle? */
  isPublished(client: Client, bundle: string): Promise<boolean>;
  /** Tells those that have not. */
  publish(client: Client, bundle: string): Promise<void>;
}

export interface KeeperOptions {
  readonly client: Client;
  readonly secret: Place;
  readonly trust: Trust;
  /** What clients call us: `website.web.svc`. */
  readonly names: readonly string[];
  /** Told of each new certificate, once clients trust it. */
  use(pair: Issued): void;
  readonly stepped?: (step: Step) => void;
  readonly failed?: (error: unknown) => void;
  readonly clock?: Clock;
  readonly lifetimes?: Lifetimes;
}

/** ms between two looks that nothing has caused: certificates age, and watches can be deaf. */
const EVERY = 10 * 60_000;
const KEY = 'certificates';
/** A step leads to the next one: begin, announce, promote, trim, and another replica between each. */
const MAX_STEPS = 16;

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #clock: Clock;
  readonly #lifetimes: Lifetimes;
  #shown = '';

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#lifetimes = options.lifetimes ?? lifetimes;
  }

  /** Until the signal is aborted. Faults of the API server are waited out: what is shown stays. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, secret, trust, failed } = this.#options;
    const queue = new KeyedQueue({
      run: async () => {
        await this.look();
        return Math.min(EVERY, this.#lifetimes.announced);
      },
      concurrency: 1,
      clock: this.#clock,
      ...(failed === undefined ? {} : { failed: (_key, error) => failed(error) }),
    });
    const look = () => queue.add(KEY);
    const watched = [
      watchCache(client, secrets, {
        namespace: secret.namespace,
        fieldSelector: `metadata.name=${secret.name}`,
      }),
      ...trust.watched.map(({ of, selectors }) => watchCache(client, of, selectors)),
    ];
    for (const cache of watched) cache.subscribe(look);
    look();
    queue.start();
    await Promise.all(watched.map((cache) => cache.run(signal)));
    await queue.pause();
    queue.clear();
  }

  /** One look at all of it, and what follows from it. Throws what the API server answers. */
  async look(): Promise<void> {
    const { client, trust } = this.#options;
    const held = await this.#settle();
    await trust.publish(client, bundleOf(held));
    this.#show(held);
  }

  /** Takes steps until there is none left to take now. */
  async #settle(): Promise<Held> {
    const { client, secret, stepped } = this.#options;
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const kept = await readSecret(client, secret);
      const step = await this.#stepFor(kept);
      if (step === null && kept.held !== null) return kept.held;
      const after = await takeStep(step ?? 'begin', this.#situation(kept));
      if (await writeSecret(client, secret, after, kept.version)) {
        stepped?.(step ?? 'begin');
        if (step === 'announce' || step === 'begin') return after;
      } else await sleep(this.#clock, 10);
    }
    throw new Error(
      `the Secret ${secret.namespace}/${secret.name} changes faster than it can be read`,
    );
  }

  async #stepFor(kept: Kept): Promise<Step | null> {
    const { client, trust } = this.#options;
    const situation = this.#situation(kept);
    const { held } = situation;
    const ready = nextStep(situation, true);
    if (ready !== 'promote' || held === null) return ready;
    return nextStep(situation, await trust.isPublished(client, bundleOf(held)));
  }

  #situation({ held }: Kept) {
    const { names } = this.#options;
    return { held, names, now: this.#clock.wall(), lifetimes: this.#lifetimes };
  }

  #show({ leaf }: Held): void {
    if (leaf.certificate === this.#shown) return;
    this.#options.use(leaf);
    this.#shown = leaf.certificate;
  }
}
