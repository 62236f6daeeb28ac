/** The operator of Torwacht: what happens when. */
import {
  type Client,
  type Clock,
  type LeaseSettings,
  type Observe,
  Operator,
  systemClock,
} from '#kube/index.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { followBundles, followNodes, followObjects } from './follow.ts';
import { defaultPace, type Pace } from './pace.ts';
import { Parts } from './parts.ts';
import { reconcileBinding } from './reconcile/bindings.ts';
import { reconcileBundle } from './reconcile/leftovers.ts';
import { reconcileNode } from './reconcile/nodes.ts';
import { reconcileClusterPolicy, reconcilePolicy } from './reconcile/policies.ts';
import { reconcileStartupTaint } from './reconcile/startup-taint.ts';
import { Reports } from './reports/reports.ts';
import { defaultLimits, type ViolationLimits } from './violations/limits.ts';
import { type ViolationParts, Violations } from './violations/violations.ts';

export interface Settings extends ClusterOptions {
  readonly client: Client;
  /** Without it this process leads from the start. */
  readonly lease?: LeaseSettings;
  readonly clock?: Clock;
  readonly observe?: Observe;
  readonly pace?: Partial<Pace>;
  /** Told of each node whose startup taint is off. */
  readonly untainted?: (node: string) => void;
  readonly violations?: Partial<ViolationLimits> & Pick<ViolationParts, 'counted' | 'fault'>;
}

export interface Assembled {
  readonly operator: Operator;
  readonly parts: Parts;
  readonly violations: Violations;
}

export const OPERATOR_NAME = 'torwacht.io/operator';

export function assemble(settings: Settings): Assembled {
  const { client, lease, clock = systemClock, observe } = settings;
  const operator = new Operator({
    client,
    name: OPERATOR_NAME,
    clock,
    ...(lease === undefined ? {} : { lease }),
    ...(observe === undefined ? {} : { observe }),
  });
  const cluster = new Cluster(operator, settings);
  const parts = new Parts(cluster, clock, { ...defaultPace, ...settings.pace });
  cluster.runnerBindings.reconcile(reconcileBinding(parts));
  cluster.policies.reconcile(reconcilePolicy(parts));
  cluster.clusterEgressPolicies.reconcile(reconcileClusterPolicy(parts));
  cluster.nodes.reconcile(reconcileNode(parts));
  if (cluster.startupTaint !== undefined) {
    const { untainted = () => undefined } = settings;
    cluster.nodes.reconcile(reconcileStartupTaint(parts, cluster.startupTaint, untainted));
  }
  cluster.bundles.reconcile(reconcileBundle(parts));
  const { counted, fault, ...limits } = settings.violations ?? {};
  const violations = new Violations({
    kind: cluster.violations,
    namespaces: cluster.namespaces.cache,
    clock,
    limits: { ...defaultLimits, ...limits },
    ...(counted && { counted }),
    ...(fault && { fault }),
  });
  operator.onLead((reign) => violations.begin(reign));
  const reports = new Reports({
    ...{ clock, pace: parts.pace, wake: (namespace) => cluster.namespaces.wake(namespace) },
    rows: (namespace) => cluster.violationsIn(namespace),
  });
  cluster.namespaces
    .reconcile(reports.reconcile, { id: 'report' })
    .dependsOn(cluster.violations.cache, ({ metadata }) => [metadata.namespace ?? '']);
  followObjects(parts);
  followBundles(parts);
  followNodes(parts);
  return { operator, parts, violations };
}
