/** A real API server with the table's namespaces, bindings and people, and how a row is asked of it. */
import { join } from 'node:path';
import type { Pod } from '#webhook/check/pod.ts';
import { enforceLabel } from '#webhook/manifests/common.ts';
import { established } from '../apiserver/crds.ts';
import { type ApiServer, type Ending, useApiServer } from '../apiserver/server.ts';
import { bindingNames, written } from './table/bindings.ts';
import { type Row, type UserName, users } from './table/row.ts';

const root = join(import.meta.dirname, '../..');

export interface Verdict {
  readonly refused: boolean;
  /** Of the rule that is named; null where none is. */
  readonly code: string | null;
  readonly status: number;
  readonly message: string;
}

export interface Ground {
  readonly api: ApiServer;
  /** Asks without anything being kept. */
  ask(row: Row): Promise<Verdict>;
}

/** @param rows whose older pods are made now, while nothing judges them */
export async function useGround(ending: Ending, rows: readonly Row[]): Promise<Ground> {
  const api = await useApiServer(ending);
  await api.kubectl(['apply', '-f', join(root, 'config/crd/torwacht.io_runnerbindings.yaml')]);
  await established(api, 'crd/runnerbindings.torwacht.io');
  for (const object of [...rights, ...runtimeClasses, ...bindingNames.flatMap(namespaceOf)]) {
    await api.apply(object);
  }
  for (const name of bindingNames) {
    const binding = written(name);
    if (binding !== null) await api.apply(binding);
  }
  for (const row of rows) await prepare(api, row);
  const people = new Map<string, ReturnType<ApiServer['user']>>();
  const as = (by: UserName, namespace: string) => {
    const { username, groups } = users[by](namespace);
    const known = people.get(username) ?? api.user(username, groups);
    people.set(username, known);
    return known;
  };
  return {
    api,
    ask: async (row) => {
      const question = await questionOf(api, row);
      const reply = await api.request(question, as(row.by ?? 'runner', namespaceFor(row)));
      return verdictOf(reply.status, reply.body);
    },
  };
}

const namespaceFor = ({ under = 'plain' }: Row): string => under;

/** Names of pods, which are DNS labels: what a row says is none. */
function nameFor({ what, phase = 'create' }: Row): string {
  const word = what
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return `${phase}-${word}`.slice(0, 63).replace(/-$/, '');
}

function named(row: Row, pod: Pod): Pod {
  return {
    ...pod,
    metadata: { ...pod.metadata, name: nameFor(row), namespace: namespaceFor(row) },
  };
}

const podsOf = (row: Row) => `/api/v1/namespaces/${namespaceFor(row)}/pods`;

async function prepare(api: ApiServer, row: Row): Promise<void> {
  const { phase = 'create' } = row;
  if (phase === 'create') return;
  const { ephemeralContainers, ...spec } = row.pod.spec;
  const first = phase === 'ephemeral' ? { ...row.pod, spec } : (row.before ?? row.pod);
  const reply = await api.request({ method: 'POST', path: podsOf(row), body: named(row, first) });
  if (reply.status !== 201) throw new Error(`${row.what}: ${reply.body}`);
}

async function questionOf(api: ApiServer, row: Row) {
  const { phase = 'create' } = row;
  const path = `${podsOf(row)}/${nameFor(row)}`;
  if (phase === 'create') {
    return { method: 'POST', path: `${podsOf(row)}?dryRun=All`, body: named(row, row.pod) };
  }
  if (phase === 'bind') {
    const { name: _, ...metadata } = row.pod.metadata;
    const target = { apiVersion: 'v1', kind: 'Node', name: 'node-1' };
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { ...metadata, name: nameFor(row) },
      target,
    };
    return { method: 'POST', path: `${path}/binding?dryRun=All`, body };
  }
  if (phase === 'connect')
    return { method: 'POST', path: `${path}/exec?command=id&container=build` };
  const stored = JSON.parse((await api.request({ path })).body) as Pod;
  if (phase === 'update')
    return {
      method: 'PUT',
      path: `${path}${row.through === undefined ? '' : `/${row.through}`}?dryRun=All`,
      body: updated(stored, row.pod),
    };
  const { ephemeralContainers } = row.pod.spec;
  const body = { ...stored, spec: { ...stored.spec, ephemeralContainers } };
  return { method: 'PUT', path: `${path}/ephemeralcontainers?dryRun=All`, body };
}

/** What can be changed of a pod: its images, and what is said about it. */
function updated(stored: Pod, wanted: Pod): Pod {
  const images = (list: 'containers' | 'initContainers') =>
    (stored.spec[list] ?? []).map((container, index) => ({
      ...container,
      image: wanted.spec[list]?.[index]?.image,
    }));
  const { labels = {}, annotations = {} } = wanted.metadata;
  return {
    ...stored,
    metadata: { ...stored.metadata, labels, annotations },
    spec: {
      ...stored.spec,
      containers: images('containers'),
      initContainers: images('initContainers'),
    },
  };
}

function verdictOf(status: number, body: string): Verdict {
  const { message = '' } = JSON.parse(body) as { message?: string };
  const [, code = null] = /\[(TW_ADMIT_\w+)\]/.exec(message) ?? [];
  return { refused: isRefused(status, message), code, status, message };
}

/** A pod that is on no node cannot be entered: that is said behind admission. */
function isRefused(status: number, message: string): boolean {
  return status >= 400 && !/does not have a host assigned/.test(message);
}

function namespaceOf(name: string): readonly object[] {
  const labels = { [enforceLabel]: 'true' };
  const accounts = ['default', 'gitlab-runner', 'nightly', 'logs'];
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
    ...accounts.map((account) => ({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: account, namespace: name },
    })),
  ];
}

/** Admission is asked about, not RBAC: everybody may do everything with pods. */
const rights: readonly object[] = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'pods-of-anyone' },
    rules: [
      {
        apiGroups: [''],
        resources: ['pods', 'pods/exec', 'pods/binding', 'pods/status', 'pods/ephemeralcontainers'],
        verbs: ['*'],
      },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'pods-of-anyone' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'pods-of-anyone' },
    subjects: [
      { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' },
    ],
  },
];

const runtimeClasses: readonly object[] = ['sandboxed', 'other'].map((name) => ({
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: { name },
  handler: name,
}));
