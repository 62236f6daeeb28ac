/** Observations as metrics of Prometheus. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { isKubeError } from './errors.ts';
import type { Observation, Observe } from './observe.ts';

type Told<K extends Observation['type']> = Extract<Observation, { readonly type: K }>;
type Tellers = { readonly [K in Observation['type']]: (told: Told<K>) => void };

/**
 * Adds metrics to a registry and gives what is to be told. `kube_…` unless another prefix is given.
 * @example createClient(connection, { fieldManager, observe: prometheus(registry) })
 */
export function prometheus(registry: Registry, prefix = 'kube_'): Observe {
  const tellers = tellersOf(registry, prefix);
  return (observation) => {
    const tell = tellers[observation.type] as (told: Observation) => void;
    tell(observation);
  };
}

function tellersOf(registry: Registry, prefix: string): Tellers {
  const make = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) => ({
    name: `${prefix}${name}`,
    help,
    labelNames,
    registers: [registry],
  });
  const requests = new Histogram({
    ...make('request_seconds', 'Requests to the API server; status 0: no answer.', [
      'verb',
      'resource',
      'status',
    ]),
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
  });
  const lists = new Counter(
    make('lists_total', 'Whole lists that a cache took.', ['resource', 'by']),
  );
  const objects = new Gauge(
    make('listed_objects', 'Objects of the last whole list.', ['resource']),
  );
  const noStreaming = new Gauge(
    make('no_streaming', '1 where the server gives no list by a watch.', ['resource']),
  );
  const events = new Counter(
    make('watch_events_total', 'Events of watches.', ['resource', 'change']),
  );
  const faults = new Counter(
    make('watch_failures_total', 'Lists and watches that failed.', ['resource', 'code']),
  );
  const listeners = new Counter(
    make('listener_failures_total', 'Faults in listeners.', ['resource']),
  );
  const waiting = new Gauge(make('queue_waiting', 'Keys that wait for a worker.', ['name']));
  const handled = new Histogram({
    ...make('handler_seconds', 'Calls of handlers.', ['resource', 'handler', 'outcome']),
    buckets: [0.001, 0.01, 0.1, 1, 10, 60],
  });
  const leading = new Gauge(make('leading', '1 while this process leads.'));
  const leaseFaults = new Counter(
    make('lease_failures_total', 'Tries to take or renew the Lease that failed.'),
  );
  const dropped = new Counter(
    make('events_dropped_total', 'Events that were not written.', ['reason']),
  );
  return {
    request: ({ verb, resource, status, ms }) =>
      requests.observe({ verb, resource, status }, ms / 1000),
    listed: ({ resource, by, objects: count }) => {
      lists.inc({ resource, by });
      objects.set({ resource }, count);
    },
    'no-streaming': ({ resource }) => noStreaming.set({ resource }, 1),
    event: ({ resource, change }) => events.inc({ resource, change }),
    'watch-failed': ({ resource, error }) => faults.inc({ resource, code: codeOf(error) }),
    'listener-failed': ({ resource }) => listeners.inc({ resource }),
    queue: ({ name, waiting: count }) => waiting.set({ name }, count),
    handled: ({ resource, handler, ms, error }) =>
      handled.observe(
        { resource, handler, outcome: error === undefined ? 'done' : codeOf(error) },
        ms / 1000,
      ),
    leading: (told) => leading.set(Number(told.leading)),
    'lease-failed': () => leaseFaults.inc(),
    'event-dropped': ({ error }) =>
      dropped.inc({ reason: error === undefined ? 'rate' : codeOf(error) }),
  };
}

function codeOf(error: unknown): string {
  return isKubeError(error) ? error.code : 'other';
}
