/** What is done with rows of evidence beside Violations: they are told to people, and kept for those who ask. */
import type { Registry } from 'prom-client';
import type { Client, Clock } from '#kube/index.ts';
import { Alerts } from './alerts/alerts.ts';
import { AlertCounters } from './alerts/counters.ts';
import { AlertSecret } from './alerts/secrets.ts';
import { isLiving } from './cluster.ts';
import { History } from './history/history.ts';
import type { Bounds, HistoryStore } from './history/store.ts';
import type { EventSink } from './intake/sink.ts';
import type { Parts } from './parts.ts';

export interface EvidenceOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly parts: Parts;
  readonly registry: Registry;
  /** Of the operator. */
  readonly namespace: string;
  leads(): boolean;
  /** Undefined: none is kept. */
  readonly history: { readonly store: HistoryStore; readonly bounds: Bounds } | undefined;
  /** An alert route, or the history, takes nothing, with the reason; undefined: it does again. */
  trouble(of: string, why: string | undefined): void;
}

export class Evidence {
  readonly alerts: Alerts;
  readonly history: History | undefined;
  readonly sinks: readonly EventSink[];

  constructor(options: EvidenceOptions) {
    const { client, clock, parts, registry, namespace, leads, history, trouble } = options;
    const counters = new AlertCounters(registry, (kind) => this.alerts.open(kind));
    this.alerts = new Alerts({
      ...{ clock, trouble, leads, tally: (kind) => counters.of(kind) },
      secrets: new AlertSecret({ client, clock, namespace }),
    });
    this.history =
      history &&
      new History({ ...history, clock, registry, trouble: (why) => trouble('the history', why) });
    this.sinks = [this.alerts, ...(this.history === undefined ? [] : [this.history.sink])];
    parts.cluster.runnerBindings.cache.subscribe(({ key, object }) => {
      this.alerts.follow(key, object !== undefined && isLiving(object) ? object : undefined);
    });
  }

  async end(): Promise<void> {
    await Promise.all([this.alerts.stop(), this.history?.stop()]);
  }
}
