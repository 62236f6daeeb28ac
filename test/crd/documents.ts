/** For every kind a document with every field, within all limits: from these, one fault at a time is made. */
import { headLabel } from '#api/policy-bundle.ts';
import { apiVersion } from '#api/version.ts';

export interface Document {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: unknown;
}

export function document(kind: string, spec: unknown, metadata: object = {}): Document {
  return { apiVersion, kind, metadata: { name: 'full', ...metadata }, spec };
}

const digest = 'ab'.repeat(32);
const time = '2026-11-26T21:25:52Z';

const selector = { projects: ['4711'], jobs: ['install *', 'prüfen 🚀'] };
const ports = [{ port: 1, endPort: 65535, protocol: 'UDP' }];
const allow = [
  { fqdn: ['a.test', '*.b.test', '**.c.test'], ports, private: true },
  { cidr: ['192.0.2.0/24'], ports },
];
const deny = [{ fqdn: ['**.d.test'], ports }, { cidr: ['198.51.100.0/24'] }];

const route = {
  ...{ name: 'oncall', actions: ['block', 'observe'], projects: ['4711'] },
  ...{ resolveAfterSeconds: 600, repeatAfterSeconds: 3600, maxPerHour: 20 },
};

export const head = {
  binding: { namespace: 'ci', name: 'main', generation: 1 },
  digest,
  pieces: [digest],
  policies: 0,
  brings: [{ digest, packed: 'W10=' }],
  nodes: 3,
};

const specs: Readonly<Record<string, readonly unknown[]>> = {
  EgressPolicy: [{ selector, presets: ['npm'], allow, deny }],
  ClusterEgressPolicy: [
    {
      namespaceSelector: {
        matchLabels: { 'example.com/tenant': 'team' },
        matchExpressions: [
          { key: 'a', operator: 'In', values: ['b', ''] },
          { key: 'c', operator: 'DoesNotExist' },
        ],
      },
      selector,
      presets: ['npm'],
      allow,
      deny,
      ceiling: { presets: ['npm'], allow },
    },
  ],
  RunnerBinding: [
    {
      selector: { namespaces: ['ci'], podLabels: { 'example.com/a': 'b' } },
      runners: [{ serviceAccount: 'gitlab-runner', namespace: 'gitlab' }],
      mode: 'Observe',
      modes: [{ projects: ['4711'], mode: 'Block' }],
      gitlab: {
        url: 'https://gitlab.test',
        extraHosts: [{ host: 'registry.test', port: 5000 }],
        private: false,
      },
      dns: { upstreams: ['192.0.2.53', '192.0.2.54:5353'] },
      trust: { jobNames: true, annotations: true },
      barrier: {
        name: 'barrier',
        images: ['registry.test/barrier@*', 'registry.test/barrier:1'],
        command: ['/barrier'],
        args: ['--deadline', '20'],
        env: [{ name: 'DEADLINE', value: '20' }],
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65532,
          runAsGroup: 65532,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
      },
      inject: true,
      guard: {
        capabilities: ['CHOWN'],
        runtimeClasses: ['gvisor'],
        seccompProfiles: ['torwacht/job.json'],
        seccompByDefault: true,
        hostPaths: ['/var/cache/ci'],
        exec: 'Runners',
        exceptions: [{ allow: 'Privileged', reason: 'Images are built so.', projects: ['4711'] }],
      },
      exempt: [
        {
          serviceAccount: 'gitlab-runner',
          controller: { kind: 'Deployment', name: 'gitlab-runner' },
        },
      ],
      alerts: {
        slack: [{ ...route, urlKey: 'slack' }],
        webhook: [{ ...route, url: 'https://siem.test/in', signingKey: 'siem' }],
        email: [
          {
            ...{ ...route, server: 'mail.test:587', tls: 'StartTLS', username: 'torwacht' },
            ...{ passwordKey: 'mail', from: 'torwacht@ci.test', to: ['oncall@ci.test'] },
          },
        ],
        alertmanager: [{ ...route, url: 'http://alertmanager.test', authorizationKey: 'am' }],
      },
    },
  ],
  PolicyBundle: [{ head }, { piece: { content: '[]' } }],
  NodeAgent: [{ bindings: [{ namespace: 'ci', name: 'main', bundle: 'ci.main' }] }],
  Violation: [
    {
      ...{ project: '4711', job: 'install', process: 'node', parent: 'npm' },
      url: 'https://gitlab.test/a/b/-/jobs/1',
      ...{ executable: '/usr/bin/node', arguments: 'node x.js', ancestry: ['sh', 'npm'] },
      ...{ action: 'block', destination: 'evil.test', address: '192.0.2.1', port: 8000 },
      ...{ protocol: 'tcp', reason: 'default', rule: 'default', policy: 'ci/web' },
      ...{ count: 3, firstSeen: time, lastSeen: time },
      pods: [{ name: 'runner-1', container: 'build', node: 'node-1' }],
      folded: { rows: 1, jobs: ['4711/a'], processes: ['sh'], destinations: ['a.test:1'] },
      merged: ['3f9c2a7b1d4e:12'],
    },
  ],
};

const conditions = [
  {
    type: 'Ready',
    status: 'Unknown',
    observedGeneration: 1,
    lastTransitionTime: time,
    reason: 'New',
    message: 'Not looked at yet.',
  },
];
const common = {
  observedGeneration: 1,
  conditions,
  nodes: { ready: 1, total: 2, notReady: 3, summary: '1/2' },
  waiting: [{ reason: 'NotYet', message: 'It is on its way.', count: 1, nodes: ['node-1'] }],
};
const policyStatus = {
  ...common,
  bindings: [{ namespace: 'ci', name: 'main' }],
  bindingCount: 1,
};

export const statuses: Readonly<Record<string, unknown>> = {
  EgressPolicy: policyStatus,
  ClusterEgressPolicy: policyStatus,
  RunnerBinding: {
    ...common,
    bundle: { name: 'ci.main', digest },
    policyCount: 1,
    conflicts: [{ namespace: 'ci', name: 'other' }],
    exceptions: [{ allow: 'Privileged', reason: 'Images are built so.', projects: ['4711'] }],
  },
  NodeAgent: {
    observedGeneration: 1,
    conditions,
    version: '0.1.0',
    kernel: '6.1.0-18-amd64',
    capabilities: [{ name: 'bpf-lsm', available: false, message: 'Not in the active list.' }],
    bindings: [
      { namespace: 'ci', name: 'main', digest, generation: 1, reason: 'Late', message: 'Busy.' },
    ],
    pods: { enforced: 1, failed: 0 },
  },
};

/** At least one; together they have every field of the spec. */
export function fullDocuments(kind: string): readonly Document[] {
  const metadata = { labels: { [headLabel]: 'true' }, annotations: { note: 'any text' } };
  return (specs[kind] ?? []).map((spec) => document(kind, spec, metadata));
}
