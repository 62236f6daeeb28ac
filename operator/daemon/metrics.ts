/** What Prometheus is told, beside what the controller runtime tells of itself. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type Observe, prometheus } from '#kube/index.ts';
import type { Parts } from '../parts.ts';

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
  const { cluster, views } = parts;
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
