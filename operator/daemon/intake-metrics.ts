/** What Prometheus is told of rows that agents send, and of Violations. */
import { status } from '@grpc/grpc-js';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Intake, IntakeCounts } from '../intake/intake.ts';
import type { TokensParts } from '../intake/tokens.ts';
import { type Fate, fates, type Violations } from '../violations/violations.ts';

export class IntakeMetrics implements IntakeCounts {
  readonly #registers: [Registry];
  readonly #batches: Counter<'status'>;
  readonly #rows: Counter<'outcome'>;
  readonly #reviews: Counter<'outcome'>;
  readonly #attempts: Counter<'fate'>;
  readonly #expires: Gauge;

  constructor(registry: Registry) {
    const registers: [Registry] = [registry];
    this.#registers = registers;
    const counter = <Label extends string>(name: string, help: string, label: Label) =>
      new Counter({ name: `torwacht_${name}`, help, labelNames: [label], registers });
    this.#batches = counter('intake_batches_total', 'Batches of agents, by the answer.', 'status');
    this.#rows = counter('intake_rows_total', 'Rows of agents.', 'outcome');
    this.#reviews = counter('intake_reviews_total', 'Tokens that were asked about.', 'outcome');
    this.#attempts = counter(
      'violation_attempts_total',
      'Attempts in rows, by whether an object of their own counts them.',
      'fate',
    );
    this.#expires = new Gauge({
      name: 'torwacht_intake_certificate_expires_seconds',
      help: 'When the certificate that is shown ends, seconds since 1970.',
      registers,
    });
    for (const fate of fates) this.#attempts.inc({ fate }, 0);
    for (const outcome of ['taken', 'repeated', 'refused']) this.#rows.inc({ outcome }, 0);
  }

  batch(code: status): void {
    this.#batches.inc({ status: status[code] ?? 'UNKNOWN' });
  }

  rows(count: number, outcome: 'taken' | 'repeated' | 'refused'): void {
    this.#rows.inc({ outcome }, count);
  }

  readonly reviewed: NonNullable<TokensParts['reviewed']> = (outcome) =>
    this.#reviews.inc({ outcome });

  readonly counted = (attempts: number, fate: Fate): void => this.#attempts.inc({ fate }, attempts);

  shown(until: number): void {
    this.#expires.set(until / 1000);
  }

  watch(intake: Intake): void {
    this.#gauge('intake_batches', 'Batches that are on their way in.', () => intake.inside);
  }

  watchViolations(violations: Violations): void {
    this.#gauge('violations', 'Violations.', () => violations.size);
    this.#gauge(
      'violations_unwritten',
      'Violations with rows that are not written yet. Only the replica that leads has some.',
      () => violations.unwritten,
    );
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name: `torwacht_${name}`,
      help,
      registers: this.#registers,
      collect() {
        this.set(read());
      },
    });
  }
}
