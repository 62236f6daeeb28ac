/** What is counted of reviews and certificates. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Observed } from './server.ts';

export class Metrics {
  readonly registry = new Registry();
  readonly #reviews = new Counter({
    name: 'torwacht_webhook_reviews_total',
    help: 'Reviews by hook and by what came of them: allowed, or the code of the rule that refused.',
    labelNames: ['hook', 'result'],
    registers: [this.registry],
  });
  readonly #took = new Histogram({
    name: 'torwacht_webhook_review_seconds',
    help: 'Time from the last byte of a review to its answer.',
    buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1],
    registers: [this.registry],
  });
  readonly #steps = new Counter({
    name: 'torwacht_webhook_certificate_steps_total',
    help: 'Steps of the rotation of certificates that this replica has taken.',
    labelNames: ['step'],
    registers: [this.registry],
  });
  readonly #expires = new Gauge({
    name: 'torwacht_webhook_certificate_expires_seconds',
    help: 'When the certificate that is shown expires, in seconds since 1970.',
    registers: [this.registry],
  });

  observe({ hook, result, took }: Observed): void {
    this.#reviews.inc({ hook: hook ?? 'none', result });
    if (hook !== null) this.#took.observe(took / 1000);
  }

  stepped(step: string): void {
    this.#steps.inc({ step });
  }

  shown(until: number): void {
    this.#expires.set(until / 1000);
  }
}
