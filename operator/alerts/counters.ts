/** What Prometheus is told of alerts, by the kind of receiver. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { type ReceiverKind, receiverKinds } from './route.ts';

/**
 * Why rows of a message were dropped. `refused`: the receiver does not want it. `ended`: the route or the operator
 * ended while it did not answer.
 */
export const dropReasons = ['refused', 'ended'] as const;
export type DropReason = (typeof dropReasons)[number];

/** What a route counts. */
export interface Tally {
  /** A message. */
  sent(): void;
  /** A try to deliver that has failed and is made again. */
  retried(): void;
  dropped(rows: number, reason: DropReason): void;
  /** Attempts beyond the groups that are kept: they are told by their number. */
  folded(attempts: number): void;
}

export class AlertCounters {
  readonly #sent: Counter<'receiver'>;
  readonly #retried: Counter<'receiver'>;
  readonly #dropped: Counter<'receiver' | 'reason'>;
  readonly #folded: Counter<'receiver'>;

  /** @param open groups of all routes of a kind */
  constructor(registry: Registry, open: (kind: ReceiverKind) => number) {
    const common = { labelNames: ['receiver'] as const, registers: [registry] };
    this.#sent = new Counter({
      ...common,
      name: 'torwacht_alerts_sent_total',
      help: 'Messages that a receiver of this kind has.',
    });
    this.#retried = new Counter({
      ...common,
      name: 'torwacht_alerts_retried_total',
      help: 'Deliveries of messages that failed and were tried again.',
    });
    this.#dropped = new Counter({
      name: 'torwacht_alerts_dropped_total',
      help: 'Rows of messages that were lost, by reason; see docs/alerts.md.',
      labelNames: ['receiver', 'reason'],
      registers: [registry],
    });
    this.#folded = new Counter({
      ...common,
      name: 'torwacht_alerts_folded_total',
      help: 'Attempts that are told by their number alone.',
    });
    new Gauge({
      ...common,
      name: 'torwacht_alerts_open',
      help: 'Groups that were told and are not over, of all routes.',
      collect() {
        for (const kind of receiverKinds) this.set({ receiver: kind }, open(kind));
      },
    });
    for (const kind of receiverKinds) this.#begin(kind);
  }

  #begin(receiver: ReceiverKind): void {
    for (const counter of [this.#sent, this.#retried, this.#folded]) counter.inc({ receiver }, 0);
    for (const reason of dropReasons) this.#dropped.inc({ receiver, reason }, 0);
  }

  of(receiver: ReceiverKind): Tally {
    return {
      sent: () => this.#sent.inc({ receiver }),
      retried: () => this.#retried.inc({ receiver }),
      dropped: (rows, reason) => this.#dropped.inc({ receiver, reason }, rows),
      folded: (attempts) => this.#folded.inc({ receiver }, attempts),
    };
  }
}
