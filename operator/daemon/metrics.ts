/** What Prometheus is told, beside what the controller runtime tells of itself. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type Observe, prometheus } from '#kube/index.ts';
import type { Parts } from '../parts.ts';
import type { Node } from '../resources.ts';

export interface Metrics {
  readonly registry: Registry;
  readonly observe: Observe;
  /** Tells of objects and nodes too. */
  watch(parts: Parts): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    observe: prometheus(registry, 'torwacht_kube_'),
    watch: (parts) => gauges(registry, parts),
  };
}

function gauges(registry: Registry, parts: Parts): void {
  const { cluster, clock, views } = parts;
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `torwacht_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  const states = () => [...parts.state.bindings.values()];
  gauge('policies', 'EgressPolicies.', () => cluster.policies.cache.size);
  gauge(
    'cluster_policies',
    'ClusterEgressPolicies.',
    () => cluster.clusterEgressPolicies.cache.size,
  );
  gauge('bindings', 'RunnerBindings.', () => cluster.runnerBindings.cache.size);
  gauge('bundles', 'PolicyBundles, heads and pieces.', () => cluster.bundles.cache.size);
  gauge(
    'objects_refused',
    'Objects that are not in force as they stand. Only the replica that leads knows.',
    () => new Set(states().flatMap(({ refused }) => [...refused.keys()])).size,
  );
  gauge(
    'bindings_stale',
    'RunnerBindings whose bundles are being built.',
    () => parts.state.stale.size,
  );
  gauge('nodes_tainted', 'Nodes with the startup taint: their agents are not ready yet.', () => {
    return cluster.tainted().length;
  });
  gauge(
    'nodes_tainted_oldest_seconds',
    'Age of the oldest node that has the startup taint; 0 where none has it.',
    () => ageOfOldest(cluster.tainted(), clock.wall()),
  );
  new Gauge({
    name: 'torwacht_nodes',
    help: 'Nodes, by whether they are Ready and their agent has said anything.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const all = views.all();
      this.set({ state: 'not_ready' }, all.filter(({ ready }) => !ready).length);
      this.set({ state: 'silent' }, all.filter((one) => one.ready && !one.held).length);
      this.set({ state: 'reporting' }, all.filter((one) => one.ready && one.held).length);
    },
  });
}

/** Seconds. @param now ms since 1970 */
function ageOfOldest(all: readonly Node[], now: number): number {
  const born = all.map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? ''));
  const known = born.filter((time) => !Number.isNaN(time));
  return known.length === 0 ? 0 : Math.max(0, (now - Math.min(...known)) / 1000);
}
