/**
 * Writes one Report for each namespace that has Violations, where the API server has the kind; takes it away when
 * nothing is left. A cluster without the kind is asked for it now and then, and nothing else.
 */
import { createHash } from 'node:crypto';
import type { Client, Clock, Key, KubeObject, ReconcileContext } from '#kube/index.ts';
import { isTerminating } from '../reconcile/terminating.ts';
import type { StoredRow } from '../violations/entry.ts';
import { REPORT, type Report, reportOf, reports } from './report.ts';
import { orGone, Served } from './served.ts';

export interface ReportsParts {
  /** Violations of a namespace. */
  readonly rows: (namespace: string) => Iterable<StoredRow>;
  readonly clock: Clock;
  readonly pace: {
    /** Between two writes of one report, ms. */
    readonly report: number;
    /** Between two looks whether there is the kind, and which reports are there, ms. */
    readonly served: number;
  };
  readonly wake: (namespace: Key) => void;
}

type Context = Pick<ReconcileContext<KubeObject>, 'key' | 'object' | 'client'>;

/** What is known since this replica leads. */
class Reign {
  readonly served: Served;
  readonly written = new Map<Key, { readonly at: number; readonly digest: string }>();

  constructor({ clock, pace }: ReportsParts) {
    this.served = new Served(clock, pace.served);
  }
}

export class Reports {
  readonly #parts: ReportsParts;
  #client: Client | undefined;
  #reign: Reign;

  constructor(parts: ReportsParts) {
    this.#parts = parts;
    this.#reign = new Reign(parts);
  }

  /** Of a namespace. */
  readonly reconcile = async ({ key, object, client }: Context) => {
    const reign = this.#reignOf(client);
    if (object === undefined) return void reign.written.delete(key);
    const there = await reign.served.there(client, (found) => this.#compare(reign, found));
    const { rows, pace } = this.#parts;
    const all = [...rows(key)];
    const again = { requeueAfterMs: pace.served };
    if (there === undefined) return all.length === 0 ? undefined : again;
    if (all.length === 0) {
      if (there.has(key)) await this.#remove(reign, there, key, client);
      return undefined;
    }
    const left = this.#left(reign, key);
    if (left > 0) return { requeueAfterMs: left };
    await this.#write(reign, there, reportOf(key, all), client);
    return again;
  };

  #reignOf(client: Client): Reign {
    if (client !== this.#client) {
      this.#client = client;
      this.#reign = new Reign(this.#parts);
    }
    return this.#reign;
  }

  /** Those that nobody needs any more, and those that somebody has taken away. */
  #compare({ written }: Reign, there: ReadonlySet<Key>): void {
    for (const namespace of there) if (!written.has(namespace)) this.#parts.wake(namespace);
    for (const namespace of written.keys()) {
      if (!there.has(namespace)) this.#parts.wake(namespace);
    }
  }

  /** How long until it may be written, ms. */
  #left({ written }: Reign, key: Key): number {
    const { clock, pace } = this.#parts;
    const last = written.get(key)?.at ?? Number.NEGATIVE_INFINITY;
    return last + pace.report - clock.monotonic();
  }

  async #write(reign: Reign, there: Set<Key>, report: Report, client: Client): Promise<void> {
    const { namespace = '' } = report.metadata;
    const digest = createHash('sha256').update(JSON.stringify(report)).digest('hex');
    if (there.has(namespace) && reign.written.get(namespace)?.digest === digest) return;
    const applied = await orGone(client.apply(reports, report, { force: true })).catch((error) => {
      if (!isTerminating(error)) throw error;
    });
    if (applied === undefined) {
      reign.served.expire();
      return;
    }
    there.add(namespace);
    reign.written.set(namespace, { at: this.#parts.clock.monotonic(), digest });
  }

  async #remove({ written }: Reign, there: Set<Key>, key: Key, client: Client): Promise<void> {
    await orGone(client.delete(reports, { namespace: key, name: REPORT }));
    there.delete(key);
    written.delete(key);
  }
}
