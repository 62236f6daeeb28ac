/** What Prometheus is told of the history. */
import { Counter, Gauge, type Registry } from 'prom-client';

export class HistoryCounters {
  readonly dropped: Counter;
  readonly pruned: Counter;
  readonly flows: Gauge;

  /** @param waiting flows that wait for the store */
  constructor(registry: Registry, waiting: () => number) {
    const registers = [registry];
    this.dropped = new Counter({
      name: 'torwacht_history_dropped_total',
      help: 'Flows that the history had no room for while its store was away.',
      registers,
    });
    this.pruned = new Counter({
      name: 'torwacht_history_pruned_total',
      help: 'Flows that were removed because of their age or their number.',
      registers,
    });
    this.flows = new Gauge({
      name: 'torwacht_history_flows',
      help: 'Flows that are kept, as of the last look.',
      registers,
    });
    new Gauge({
      name: 'torwacht_history_waiting',
      help: 'Flows that wait for the store.',
      registers,
      collect() {
        this.set(waiting());
      },
    });
  }
}
