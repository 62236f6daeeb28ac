/** What Prometheus is told of each output. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { dropReasons, type Output, type Tally } from './output.ts';

export class OutputCounters {
  readonly #sent: Counter<'output'>;
  readonly #retried: Counter<'output'>;
  readonly #dropped: Counter<'output' | 'reason'>;
  readonly #lost: Counter<'output' | 'reason'>;

  constructor(registry: Registry, outputs: () => readonly Output[]) {
    const registers = [registry];
    const labelNames = ['output'] as const;
    this.#sent = new Counter({
      name: 'torwacht_output_sent_total',
      help: 'Rows that the receiver of this output has.',
      labelNames,
      registers,
    });
    this.#retried = new Counter({
      name: 'torwacht_output_retried_total',
      help: 'Deliveries that failed and were tried again.',
      labelNames,
      registers,
    });
    this.#dropped = new Counter({
      name: 'torwacht_output_dropped_total',
      help: 'Rows that this output lost, by reason; see docs/agent.md.',
      labelNames: ['output', 'reason'],
      registers,
    });
    this.#lost = new Counter({
      name: 'torwacht_output_dropped_attempts_total',
      help: 'Attempts that those rows stood for, where it is known; no later row says them.',
      labelNames: ['output', 'reason'],
      registers,
    });
    new Gauge({
      name: 'torwacht_output_waiting',
      help: 'Rows that wait in memory and on disk.',
      labelNames,
      registers,
      collect() {
        for (const { name, waiting } of outputs()) this.set({ output: name }, waiting);
      },
    });
  }

  /** All counters of an output are there from its beginning. */
  of(output: string): Tally {
    this.#sent.inc({ output }, 0);
    this.#retried.inc({ output }, 0);
    for (const reason of dropReasons) {
      this.#dropped.inc({ output, reason }, 0);
      this.#lost.inc({ output, reason }, 0);
    }
    return {
      sent: (rows) => this.#sent.inc({ output }, rows),
      retried: () => this.#retried.inc({ output }),
      dropped: (rows, reason, attempts = 0) => {
        this.#dropped.inc({ output, reason }, rows);
        this.#lost.inc({ output, reason }, attempts);
      },
    };
  }
}
