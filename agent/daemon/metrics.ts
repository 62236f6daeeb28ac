/** What Prometheus is told of this node. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { EgressEvent } from '#api/event.ts';
import { type OptionalPart, optionalParts } from '#bpf/programs.ts';
import type { Counters } from '#bpf/records.ts';

/** What is asked for when somebody looks. */
export interface MetricSources {
  held(): number;
  pending(): number;
  kernel(): Counters;
  /** Has the kernel refused this part? */
  lacks(part: OptionalPart): boolean;
  bundleGood(): boolean;
  connected(): boolean;
}

export class Metrics {
  readonly registry = new Registry();
  readonly #attach: Histogram;
  readonly #failures: Counter;
  readonly #events: Counter<'action' | 'reason'>;

  constructor(sources: MetricSources) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name: `torwacht_${name}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    gauge('pods_held', 'Governed pods that are held.', () => sources.held());
    gauge('pods_pending', 'Governed pods that could not be held yet.', () => sources.pending());
    gauge('bundle_good', '1 while the files of the bundle are in force.', () =>
      Number(sources.bundleGood()),
    );
    gauge('runtime_connected', '1 while the container runtime answers.', () =>
      Number(sources.connected()),
    );
    new Gauge({
      name: 'torwacht_kernel_lacks',
      help: 'By part: 1 where this kernel refused it, and what it is for is lost; see docs/kernels.md.',
      labelNames: ['part'],
      registers,
      collect() {
        for (const part of Object.keys(optionalParts) as OptionalPart[]) {
          this.set({ part }, Number(sources.lacks(part)));
        }
      },
    });
    new Gauge({
      name: 'torwacht_kernel_counter',
      help: 'Counters of the programs in the kernel.',
      labelNames: ['counter'],
      registers,
      collect() {
        for (const [counter, value] of Object.entries(sources.kernel())) {
          this.set({ counter }, value);
        }
      },
    });
    this.#attach = new Histogram({
      name: 'torwacht_attach_seconds',
      help: 'From the event of a start to the answer for the barrier.',
      buckets: [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5],
      registers,
    });
    this.#failures = new Counter({
      name: 'torwacht_attach_failures_total',
      help: 'Pods that could not be attached, each try.',
      registers,
    });
    this.#events = new Counter({
      name: 'torwacht_rows_total',
      help: 'Rows of evidence, by what was decided and why.',
      labelNames: ['action', 'reason'],
      registers,
    });
  }

  attached(milliseconds: number): void {
    this.#attach.observe(milliseconds / 1000);
  }

  attachFailed(): void {
    this.#failures.inc();
  }

  row({ action, reason }: EgressEvent): void {
    this.#events.inc({ action, reason });
  }
}
