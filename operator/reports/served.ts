/** Does the API server have the kind, and which of our reports are there? Looked at seldom: most clusters have not. */
import { type Client, type Clock, isKubeError } from '#kube/index.ts';
import { listed } from '../once/held.ts';
import { ownReports, REPORT, reports } from './report.ts';

export class Served {
  readonly #clock: Clock;
  readonly #every: number;
  #looked = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  /** Namespaces with a report of ours; undefined where there is no such kind. */
  #there: Set<string> | undefined;

  /** @param every ms between two looks */
  constructor(clock: Clock, every: number) {
    this.#clock = clock;
    this.#every = every;
  }

  /** Undefined where the kind is not served. It may be changed by who writes or deletes one. */
  async there(client: Client, found: (namespaces: ReadonlySet<string>) => void) {
    if (this.#clock.monotonic() - this.#looked >= this.#every) {
      this.#looking ??= this.#look(client, found).finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
    }
    return this.#there;
  }

  /** The kind has gone, or come: the next who asks looks again. */
  expire(): void {
    this.#looked = Number.NEGATIVE_INFINITY;
  }

  async #look(client: Client, found: (namespaces: ReadonlySet<string>) => void): Promise<void> {
    this.#there = (await isServed(client)) ? await namespacesWith(client) : undefined;
    this.#looked = this.#clock.monotonic();
    if (this.#there !== undefined) found(this.#there);
  }
}

/** By discovery, which whoever has a service account may read. */
async function isServed(client: Client): Promise<boolean> {
  const group = await orGone(client.raw(`/apis/${reports.group}/${reports.version}`));
  const { resources = [] } = (group ?? {}) as { resources?: readonly { name?: string }[] };
  return resources.some(({ name }) => name === reports.plural);
}

async function namespacesWith(client: Client): Promise<Set<string>> {
  const own = await listed(client, reports, ownReports);
  const named = own.filter(({ metadata }) => metadata.name === REPORT);
  return new Set(named.map(({ metadata }) => metadata.namespace ?? ''));
}

/** Undefined where it answers that there is no such thing. @throws what else it answers */
export async function orGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
    throw error;
  }
}
