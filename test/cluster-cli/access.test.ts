/** Which cluster is asked, as whom, and what is said when that does not work. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { useApiServer } from '../apiserver/server.ts';
import { KUBECTL } from '../cluster/kubectl.ts';
import { ROOT } from '../cluster/names.ts';
import { setUp } from './scene.ts';
import { run, useWorld } from './world.ts';

const world = await useWorld({ after });
const { api, torwacht } = world;
const folder = mkdtempSync(join(tmpdir(), 'torwacht-cluster-cli-'));
after(() => rmSync(folder, { recursive: true }));
before(() => setUp(world));

const policies = ['get', 'policies', '-n', 'ci'];

/** A kubeconfig with its text changed. */
function changed(name: string, change: (config: Kubeconfig) => void): string {
  const config = parse(readFileSync(api.kubeconfig, 'utf8')) as Kubeconfig;
  change(config);
  const path = join(folder, name);
  writeFileSync(path, stringify(config));
  return path;
}

interface Kubeconfig {
  'current-context': string;
  clusters: { name: string; cluster: { server: string } }[];
  contexts: { name: string; context: { cluster: string; user: string; namespace?: string } }[];
  users: { name: string; user: object }[];
}

test('--kubeconfig, --context and the namespace of a context are kubectl’s', async () => {
  const path = changed('contexts', (config) => {
    const [own] = config.contexts;
    assert.ok(own);
    const context = { ...own.context, namespace: 'other' };
    config.contexts = [
      { name: 'other', context },
      { name: 'lost', context: { ...context, cluster: 'lost' } },
    ];
    config['current-context'] = 'other';
  });
  const namespace = async (...args: string[]) => {
    const { stdout } = await run(['get', 'policies', '--json', '--kubeconfig', path, ...args], {});
    const { policies: rows } = JSON.parse(stdout);
    return new Set(rows.map((one: { namespace: string | null }) => one.namespace ?? 'all'));
  };
  assert.deepEqual(await namespace(), new Set(['all', 'other']));
  assert.deepEqual(await namespace('--context', 'other', '-n', 'ci'), new Set(['all', 'ci']));
  assert.deepEqual(await namespace('-A'), new Set(['all', 'ci', 'other']));
  const lost = await run(['status', '--kubeconfig', path, '--context', 'lost'], {});
  assert.equal(lost.code, 2);
  assert.match(
    lost.stderr,
    /No kubeconfig has a cluster named lost\. \[TW_KUBE_CONFIG\]\n {2}Name a kubeconfig/,
  );
});

test('in a pod it asks as the pod’s service account', { skip: notRoot() }, async () => {
  const { token } = await api.serviceAccount('ci', 'asker');
  await allow('asker-view', { kind: 'ServiceAccount', name: 'asker', namespace: 'ci' });
  for (const [name, text] of Object.entries({ token, 'ca.crt': api.authority, namespace: 'ci' })) {
    writeFileSync(join(folder, name), text);
  }
  const mounted = '/run/secrets/kubernetes.io/serviceaccount';
  const script = `mount -t tmpfs none /run && mkdir -p ${mounted} && cp ${folder}/token ${folder}/ca.crt ${folder}/namespace ${mounted} && exec "$@"`;
  const main = join(ROOT, 'cli/main.ts');
  const told = execFileSync(
    'unshare',
    ['--mount', 'sh', '-c', script, 'sh', process.execPath, main, 'get', 'policies', '--json'],
    {
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: String(api.port),
      },
    },
  );
  assert.ok(
    JSON.parse(told).policies.some((one: { title: string }) => one.title === 'EgressPolicy ci/web'),
  );
});

function notRoot(): string | false {
  return process.getuid?.() === 0 ? false : 'needs root, for a mount of its own';
}

/** What the ClusterRole `view` will say of our kinds and of pods. */
const rules = [
  { apiGroups: ['torwacht.io'], resources: ['*'], verbs: ['get', 'list'] },
  { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['get', 'list'] },
];
const apiGroup = 'rbac.authorization.k8s.io';

async function allow(name: string, subject: object): Promise<void> {
  const metadata = { name, namespace: 'ci' };
  const roleRef = { apiGroup, kind: 'Role', name };
  const apiVersion = `${apiGroup}/v1`;
  await api.apply([
    { apiVersion, kind: 'Role', metadata, rules },
    { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects: [subject] },
  ]);
}

test('who may read a namespace alone gets its answer, and is told what it lacks', async () => {
  const ada = api.kubeconfigFor(api.user('ada'));
  await allow('ada', { apiGroup, kind: 'User', name: 'ada' });
  const { code, stdout } = await torwacht(
    ['explain', 'api.example.com', '--pod', 'job', '-n', 'ci'],
    ada,
  );
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^note: These credentials may not list clusteregresspolicies of torwacht\.io\. The answer is without them\.$/m,
  );
  assert.match(stdout, /^allowed: api\.example\.com/m);
  const status = await torwacht(['status', '-n', 'ci'], ada);
  assert.match(
    status.stdout,
    /^note: These credentials may not list nodeagents of torwacht\.io\.$/m,
  );
  assert.equal(status.code, 0);
});

test('what is forbidden is told with the role that helps', async () => {
  const { code, stderr } = await torwacht(policies, api.kubeconfigFor(api.user('eve')));
  assert.equal(code, 6);
  assert.match(
    stderr,
    /^torwacht: These credentials may not list egresspolicies of torwacht\.io in namespace ci\. \[TW_KUBE_FORBIDDEN\]$/m,
  );
  assert.match(
    stderr,
    /ClusterRole `view`, bound in namespace ci; `kubectl auth can-i list egresspolicies\.torwacht\.io -n ci`/,
  );
});

test('credentials that the server does not know', async () => {
  const path = changed('stranger', (config) => {
    config.users = config.users.map(({ name }) => ({ name, user: { token: 'made-up' } }));
  });
  const { code, stderr } = await torwacht(policies, path);
  assert.equal(code, 6);
  assert.match(stderr, /\[TW_KUBE_UNAUTHORIZED\]/);
});

test('a server that nobody answers for, and a kubeconfig that is not there', async () => {
  const path = changed('nobody', (config) => {
    for (const { cluster } of config.clusters) cluster.server = 'https://127.0.0.1:1';
  });
  const gone = await torwacht(policies, path);
  assert.equal(gone.code, 6);
  assert.match(
    gone.stderr,
    /https:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED.*\[TW_KUBE_UNREACHABLE\]\n {2}Is it running/,
  );
  const none = await torwacht(policies, join(folder, 'none'));
  assert.equal(none.code, 2);
  assert.match(none.stderr, /\[TW_KUBE_CONFIG\]/);
});

test('a pod and a namespace that do not exist', async () => {
  const pod = await torwacht(['explain', 'a.example', '--pod', 'nope', '-n', 'ci']);
  assert.equal(pod.code, 2);
  assert.match(
    pod.stderr,
    /There is no pod ci\/nope\. \[TW_KUBE_NOT_FOUND\]\n {2}.*`kubectl get pods -n ci`/,
  );
  const namespace = await torwacht(['explain', 'a.example', '--project', '1', '-n', 'nope']);
  assert.match(namespace.stderr, /There is no Namespace nope\. \[TW_KUBE_NOT_FOUND\]/);
});

test('who is asked about has to be said, once', async () => {
  for (const args of [
    ['explain', 'a.example'],
    ['explain', 'a.example', '--pod', 'job', '--project', '1'],
    ['get', 'policies', '--job', 'build'],
    ['explain', 'a.example', '--project', 'group/project'],
  ]) {
    const { code, stderr } = await torwacht(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /\[TW_KUBE_WHO\]\n {2}Name a pod/);
  }
});

test('a cluster without our kinds', async (t) => {
  const empty = await useApiServer(t);
  const { code, stderr } = await torwacht(policies, empty.kubeconfig);
  assert.equal(code, 6);
  assert.match(
    stderr,
    /Torwacht is not installed there\. \[TW_KUBE_NOT_INSTALLED\]\n {2}Install it \(`kubectl apply -k config\/crd`/,
  );
});

test('linked beside kubectl it is `kubectl torwacht`, and kubectl completes it', async () => {
  for (const [link, program] of [
    ['kubectl-torwacht', 'bin/torwacht'],
    ['kubectl_complete-torwacht', 'bin/kubectl_complete-torwacht'],
  ] as const) {
    symlinkSync(join(ROOT, program), join(folder, link));
  }
  const kubectl = (...args: string[]) =>
    execFileSync(KUBECTL, args, {
      encoding: 'utf8',
      env: { PATH: `${folder}:${process.env.PATH}`, HOME: folder, KUBECONFIG: api.kubeconfig },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  assert.match(kubectl('torwacht', 'get', 'bindings', '-n', 'ci'), /^ci +runners +Block /m);
  assert.match(
    kubectl('torwacht', 'explain', '--help'),
    /^Usage: kubectl torwacht explain DESTINATION/,
  );
  const offered = (...words: string[]) =>
    kubectl('__complete', 'torwacht', ...words)
      .split('\n')
      .map((line) => line.split('\t')[0])
      .filter(Boolean);
  assert.deepEqual(offered('get', ''), ['policies', 'bindings', 'nodes', 'help', ':4']);
  assert.deepEqual(offered('status', '--wa'), ['--wait', ':4']);
  assert.deepEqual(offered('explain', '--protocol', 'u'), ['udp', ':4']);
});
