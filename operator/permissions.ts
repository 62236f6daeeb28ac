/**
 * What the operator may do, and no more: what its runtime says that it needs, and what its reconcilers write.
 * `make generate` makes config/rbac/operator of it.
 */

import { secrets } from '#kube/certificates/secret.ts';
import { type Client, type PolicyRule, rule } from '#kube/index.ts';
import { ALERT_SECRET } from './alerts/secrets.ts';
import { tokenReviews } from './intake/tokens.ts';
import { configMaps, intakeNames, services } from './intake/trust.ts';
import { assemble } from './operator.ts';
import { reports } from './reports/report.ts';
import {
  clusterEgressPolicies,
  egressPolicies,
  nodeAgents,
  nodes,
  policyBundles,
  runnerBindings,
  violations,
} from './resources.ts';

/** Names that config/ gives. */
const place = { namespace: 'torwacht', service: 'torwacht-operator' };

/** Of the intake, in its own namespace. A `create` cannot be bounded by a name. */
const ofIntake: readonly PolicyRule[] = [
  rule(secrets, ['create']),
  named(rule(secrets, ['get', 'list', 'update', 'watch']), intakeNames.secret(place)),
  rule(configMaps, ['create']),
  named(rule(configMaps, ['get', 'list', 'patch', 'watch']), intakeNames.trust(place)),
  named(rule(services, ['get', 'list', 'watch']), place.service),
];

/** What alert routes name stands in one Secret, in its own namespace. */
const ofAlerts: readonly PolicyRule[] = [named(rule(secrets, ['get']), ALERT_SECRET)];

/** Of the reconcilers. Server-side apply is `patch`, and `create` where nothing is there yet. */
const written: readonly PolicyRule[] = [
  // `get`: the last good pieces of a binding that is not sound any more.
  rule(policyBundles, ['create', 'delete', 'get', 'patch']),
  rule(nodeAgents, ['create', 'delete', 'patch']),
  // `get`: where somebody else has changed one meanwhile. `update`: over what it was added to, and nothing else.
  rule(tokenReviews, ['create']),
  rule(violations, ['create', 'delete', 'get', 'update']),
  // `list`: those of the replica before. Nothing is asked of a cluster that does not have the kind.
  rule(reports, ['create', 'delete', 'list', 'patch']),
  ...[egressPolicies, clusterEgressPolicies, runnerBindings].map((of) =>
    rule(of, ['patch'], 'status'),
  ),
];

export interface Permissions {
  /** For a ClusterRole. */
  readonly cluster: readonly PolicyRule[];
  /** For a Role in the operator's own namespace. */
  readonly own: readonly PolicyRule[];
  /** For a ClusterRole that is there where a startup taint is to be taken off. */
  readonly startupTaint: readonly PolicyRule[];
}

export function permissions(): Permissions {
  // No request is made before an operator runs.
  const { operator } = assemble({
    client: undefined as unknown as Client,
    nodeSelector: '',
    lease: { namespace: '', name: '', identity: '' },
  });
  const all = merged([...operator.permissions(), ...written]);
  const isLease = ({ resources }: PolicyRule): boolean => resources.includes('leases');
  return {
    cluster: all.filter((one) => !isLease(one)),
    own: [...all.filter(isLease), ...ofIntake, ...ofAlerts],
    startupTaint: [rule(nodes, ['patch'])],
  };
}

function named(of: PolicyRule, name: string): PolicyRule {
  return { ...of, resourceNames: [name] };
}

/** One rule a resource, with every verb once. */
function merged(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const byResource = new Map<string, PolicyRule>();
  for (const { apiGroups, resources, verbs } of rules) {
    const key = `${apiGroups.join()} ${resources.join()}`;
    const before = byResource.get(key)?.verbs ?? [];
    byResource.set(key, {
      apiGroups,
      resources,
      verbs: [...new Set([...before, ...verbs])].sort(),
    });
  }
  return [...byResource].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}
