import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindDefinitions } from '#api/kinds.ts';
import { crd } from '../../scripts/generate/crd.ts';
import type * as resources from '../cluster/resources.ts';
import { reportOf } from '../cluster/status.ts';
import { version } from '../version.ts';
import { clusterFindings } from './cluster.ts';
import type { ClusterFacts } from './cluster-facts.ts';

const ready = { type: 'Ready', status: 'True', reason: 'InForce', message: '' } as const;
const digest = 'a'.repeat(64);

const object = (metadata: object, rest: object) => ({
  metadata: { generation: 1, creationTimestamp: '2026-11-01T12:00:00Z', ...metadata },
  ...rest,
});
const told = (status: object = {}) => ({ observedGeneration: 1, conditions: [ready], ...status });

const binding = (spec: object = {}, status: object = told({ bundle: { name: 'b', digest } })) =>
  object(
    { namespace: 'ci', name: 'runners' },
    { kind: 'RunnerBinding', spec: { mode: 'Block', barrier: { images: ['b'] }, ...spec }, status },
  ) as unknown as resources.Binding;
const agent = (name: string, status: object = {}) =>
  object(
    { name },
    {
      spec: { bindings: [{ namespace: 'ci', name: 'runners', bundle: 'b' }] },
      status: told({
        version,
        bindings: [{ namespace: 'ci', name: 'runners', digest }],
        ...status,
      }),
    },
  ) as unknown as resources.Agent;
const node = (name: string, status = 'True') =>
  ({ metadata: { name }, status: { conditions: [{ type: 'Ready', status }] } }) as resources.Node;
const named = (name: string, rest: object = {}) => ({ metadata: { name }, ...rest });

const crds = kindDefinitions.map(crd) as unknown as readonly resources.Crd[];
const service = { name: 'torwacht-webhook', namespace: 'torwacht' };
const called = (caBundle = 'QQ==') => ({ webhooks: [{ clientConfig: { caBundle, service } }] });

interface World {
  readonly bindings: readonly resources.Binding[];
  readonly agents: readonly resources.Agent[];
  readonly nodes: readonly resources.Node[];
}
function standing({
  bindings = [binding()],
  agents = [agent('n1'), agent('n2')],
  nodes = [node('n1'), node('n2')],
}: Partial<World> = {}): Pick<ClusterFacts, 'standing' | 'nodes'> {
  return {
    nodes,
    standing: { bindings, report: reportOf({ bindings, agents, nodes, policies: [] }) },
  };
}

const good: ClusterFacts = {
  version: '1.34.1+k3s1',
  crds,
  ...standing(),
  webhooks: [named('torwacht-pods', called()), named('torwacht-objects', called())],
  endpoints: 2,
  policies: ['torwacht-guard'],
  asked: {
    namespace: 'ci',
    said: 'denied the request: Torwacht refuses this pod: it has no…',
    injected: null,
  },
  namespaces: [
    { name: 'ci', enforced: true },
    { name: 'default', enforced: false },
  ],
  daemonSets: [named('kindnet')],
  cilium: undefined,
  unread: [],
};

const found = (facts: Partial<ClusterFacts>) =>
  clusterFindings({ ...good, ...facts })
    .filter(({ level }) => level !== 'pass')
    .map(({ level, check }) => `${level} ${check}`);

interface Document {
  readonly properties: { readonly spec: { readonly properties: Record<string, unknown> } };
}

/** A kind as another version would have it. */
function otherCrd(kind: string, change: (properties: Record<string, unknown>) => void) {
  return crds.map((one) => {
    if (one.spec.names.kind !== kind) return one;
    const copy = structuredClone(one);
    const [served] = copy.spec.versions;
    const document = served?.schema?.openAPIV3Schema as Document;
    change(document.properties.spec.properties);
    return copy;
  });
}

const withAgentOnly = { webhooks: [], endpoints: null, policies: [] };
const bpfEnabled = {
  spec: {
    template: { spec: { containers: [{ env: [{ name: 'FELIX_BPFENABLED', value: 'true' }] }] } },
  },
};

const changes: Readonly<Record<string, readonly [Partial<ClusterFacts>, ...string[]]>> = {
  'nothing is missing': [{}],
  'an older cluster': [{ version: '1.29.9' }, 'fail server'],
  'the floor itself': [{ version: '1.30.0' }],
  'a kind that is not there': [{ crds: crds.slice(1) }, 'fail kinds.EgressPolicy'],
  'a kind that lacks a field': [
    { crds: otherCrd('RunnerBinding', (properties) => delete properties.barrier) },
    'fail kinds.RunnerBinding',
  ],
  'a kind with more fields': [
    { crds: otherCrd('EgressPolicy', (properties) => (properties.later = { type: 'string' })) },
    'warn kinds.EgressPolicy',
  ],
  'a kind that is no longer served so': [
    {
      crds: crds.map((one) => ({
        ...one,
        spec: { ...one.spec, versions: one.spec.versions.map((v) => ({ ...v, served: false })) },
      })),
    },
    ...kindDefinitions.map(({ kind }) => `fail kinds.${kind}`),
  ],
  'our kinds are not there at all': [
    { crds: [], standing: null, ...withAgentOnly, asked: undefined, namespaces: [] },
    ...kindDefinitions.map(({ kind }) => `fail kinds.${kind}`),
    ...['warn admission.pods', 'warn admission.objects', 'warn admission.guard'],
  ],
  'a node without agent': [
    standing({ nodes: [node('n1'), node('n2'), node('n3')] }),
    'fail nodes.n3',
  ],
  'an agent that is behind': [
    standing({ agents: [agent('n1'), agent('n2', { bindings: [] })] }),
    'fail nodes.n2',
  ],
  'an agent that is not ready': [
    standing({
      agents: [agent('n1', { conditions: [{ ...ready, status: 'False' }] }), agent('n2')],
    }),
    'fail nodes.n1',
  ],
  'a node that is down': [standing({ nodes: [node('n1'), node('n2', 'False')] }), 'warn nodes.n2'],
  'an agent of another version': [
    standing({ agents: [agent('n1'), agent('n2', { version: '9.9.9' })] }),
    'warn nodes.n2',
  ],
  'a kernel that lacks a part': [
    standing({
      agents: [agent('n1', { capabilities: [{ name: 'unix', available: false }] }), agent('n2')],
    }),
    'warn nodes.n1',
  ],
  'no agent anywhere': [standing({ agents: [], nodes: [] }), 'warn nodes'],
  'a binding that is not in force': [
    standing({ bindings: [binding({}, told({ conditions: [{ ...ready, status: 'False' }] }))] }),
    'fail objects',
  ],
  'no binding': [
    standing({ bindings: [], agents: [agent('n1'), agent('n2')] }),
    ...['warn objects', 'fail namespaces'],
  ],
  'nobody judges pods': [
    {
      ...withAgentOnly,
      policies: ['torwacht-guard'],
      asked: { namespace: 'ci', said: null, injected: null },
    },
    ...['fail admission.pods', 'warn admission.objects', 'fail admission.asked'],
  ],
  'a policy judges them': [
    { ...withAgentOnly, policies: ['torwacht-guard', 'torwacht-pods'] },
    'warn admission.objects',
  ],
  'a webhook that nobody believes': [
    { webhooks: [named('torwacht-pods', called('')), named('torwacht-objects', called())] },
    'fail admission.certificate',
  ],
  'a webhook that is away': [{ endpoints: 0 }, 'fail admission.endpoints'],
  'one replica of it': [{ endpoints: 1 }, 'warn admission.endpoints'],
  'another one refused the pod': [
    { asked: { namespace: 'ci', said: 'exceeded quota', injected: null } },
    'warn admission.asked',
  ],
  'the barrier is put in': [
    { asked: { namespace: 'ci', said: null, injected: 'torwacht-barrier' } },
  ],
  'a label without a binding': [
    { namespaces: [...(good.namespaces ?? []), { name: 'cd', enforced: true }] },
    'fail namespaces',
  ],
  'a binding without a barrier': [
    standing({ bindings: [binding({ barrier: undefined })] }),
    'fail namespaces',
  ],
  'a binding without a label': [
    { namespaces: [{ name: 'ci', enforced: false }] },
    'warn namespaces',
  ],
  'a binding of a namespace that does not exist': [
    standing({ bindings: [binding({ selector: { namespaces: ['ci', 'gone'] } })] }),
    'warn namespaces',
  ],
  'a label where nobody looks': [
    { namespaces: [...(good.namespaces ?? []), { name: 'kube-system', enforced: true }] },
    'warn namespaces',
  ],
  'Cilium that balances at sockets': [
    {
      daemonSets: [named('cilium')],
      cilium: named('cilium-config', { data: { 'kube-proxy-replacement': 'true' } }),
    },
    'warn network.cilium',
  ],
  'the same under the name that GKE gives it': [
    {
      daemonSets: [named('anetd')],
      cilium: named('cilium-config', { data: { 'bpf-lb-sock': 'true' } }),
    },
    'warn network.anetd',
  ],
  'Cilium that does so for the host alone': [
    {
      daemonSets: [named('cilium')],
      cilium: named('cilium-config', {
        data: { 'kube-proxy-replacement': 'true', 'bpf-lb-sock-hostns-only': 'true' },
      }),
    },
  ],
  'Cilium beside kube-proxy': [{ daemonSets: [named('cilium')], cilium: undefined }],
  'Calico with eBPF': [
    { daemonSets: [named('calico-node', bpfEnabled)] },
    'warn network.calico-node',
  ],
  'Calico without': [{ daemonSets: [named('calico-node')] }],
  'further links': [{ daemonSets: [named('kube-multus-ds')] }, 'warn network.kube-multus-ds'],
  'a service mesh': [{ daemonSets: [named('ztunnel')] }, 'warn network.ztunnel'],
  'what may not be read': [
    { crds: null, webhooks: null, namespaces: null, daemonSets: null, unread: ['Not allowed.'] },
    'warn unread',
  ],
};

test('what a cluster lacks is found, each by itself, with what to do', () => {
  for (const [what, [facts, ...expected]] of Object.entries(changes)) {
    assert.deepEqual(found(facts), expected, what);
    for (const { level, hint } of clusterFindings({ ...good, ...facts })) {
      assert.equal(hint === '', level === 'pass', what);
    }
  }
});

test('a thousand nodes without an agent are not a thousand lines', () => {
  const nodes = Array.from({ length: 1000 }, (_, index) => node(`n${index}`));
  const lines = clusterFindings({ ...good, ...standing({ nodes, agents: [] }) });
  const about = lines.filter(({ check }) => check.startsWith('nodes.'));
  assert.equal(about.length, 21);
  assert.deepEqual(
    [about.at(-1)?.level, about.at(-1)?.sentence],
    ['fail', 'and 980 more lines like these'],
  );
});
