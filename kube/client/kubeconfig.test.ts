import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { KubeError } from '../errors.ts';
import { TestClock } from '../testing/clock.ts';
import { findConnection } from './find.ts';
import { inCluster } from './in-cluster.ts';
import { fromKubeconfig } from './kubeconfig.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function write(folder: string, name: string, content: object | string): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const named = (name: string, what: string, value: object) => ({ name, [what]: value });

function config(user: object, cluster: object = {}, context: object = {}): object {
  return {
    'current-context': 'here',
    contexts: [named('here', 'context', { cluster: 'c', user: 'u', ...context })],
    clusters: [named('c', 'cluster', { server: 'https://127.0.0.1:6443', ...cluster })],
    users: [named('u', 'user', user)],
  };
}

function refusal(run: () => unknown): KubeError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof KubeError, String(error));
    return error;
  }
  return assert.fail('nothing was thrown');
}

test('data in the file, and files named by it from where it stands', async (t) => {
  const folder = folderOf(t);
  write(folder, 'client.crt', 'CERT');
  const user = { 'client-certificate': 'client.crt', 'client-key-data': base64('KEY') };
  const cluster = { 'certificate-authority-data': base64('CA'), 'tls-server-name': 'api' };
  const path = write(folder, 'config', config(user, cluster, { namespace: 'team' }));
  const connection = fromKubeconfig({ path });
  assert.equal(connection.server, 'https://127.0.0.1:6443');
  assert.equal(connection.namespace, 'team');
  assert.equal(connection.serverName, 'api');
  assert.equal(connection.insecure, undefined);
  assert.deepEqual(await connection.security(false), {
    ca: 'CA',
    clientCertificate: 'CERT',
    clientKey: 'KEY',
  });
});

test('$KUBECONFIG names several files: the first that knows a name wins, one may be missing', async (t) => {
  const folder = folderOf(t);
  const one = write(folder, 'one', {
    'current-context': 'there',
    users: [named('u', 'user', { token: 'first' })],
  });
  const two = write(folder, 'two', {
    ...config({ token: 'second' }),
    contexts: [named('there', 'context', { cluster: 'c', user: 'u' })],
  });
  const KUBECONFIG = [one, join(folder, 'missing'), two].join(':');
  const connection = fromKubeconfig({ environment: { KUBECONFIG } });
  assert.deepEqual(await connection.security(false), { token: 'first' });
});

const wrongs: readonly [string, object | string, RegExp][] = [
  ['no context', {}, /no kubeconfig names a current context/i],
  [
    'a context that is not there',
    { 'current-context': 'x' },
    /no kubeconfig has a context named x/i,
  ],
  ['a user that is not there', config({}, {}, { user: 'x' }), /no kubeconfig has a user named x/i],
  ['a server without a scheme', config({}, { server: '10.0.0.1' }), /no server that begins with/],
  ['a way of the past', config({ 'auth-provider': { name: 'gcp' } }), /auth-provider/],
  ['no YAML', '{', /is no YAML/],
];
for (const [name, content, message] of wrongs) {
  test(`${name} is told`, (t) => {
    const path = write(folderOf(t), 'config', content);
    const error = refusal(() => fromKubeconfig({ path }));
    assert.equal(error.code, 'KUBE_CONFIG');
    assert.match(error.message, message);
  });
}

test('a credential plugin is run when it must be, and once for all who wait', async (t) => {
  const folder = folderOf(t);
  const clock = new TestClock();
  const count = join(folder, 'count');
  const expirationTimestamp = new Date(clock.wall() + 60_000).toISOString();
  const program = `
    const fs = require('node:fs');
    fs.appendFileSync(${JSON.stringify(count)}, 'x');
    const info = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
    const token = [process.env.TENANT, info.spec.cluster.server, fs.readFileSync(${JSON.stringify(count)}).length].join(' ');
    console.log(JSON.stringify({ status: { token, expirationTimestamp: ${JSON.stringify(expirationTimestamp)} } }));`;
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: process.execPath,
    args: ['-e', program],
    env: [{ name: 'TENANT', value: 'acme' }],
    provideClusterInfo: true,
  };
  const { security } = fromKubeconfig({ path: write(folder, 'config', config({ exec })), clock });
  const both = await Promise.all([security(false), security(false)]);
  assert.deepEqual(both[0], { token: 'acme https://127.0.0.1:6443 1' });
  assert.deepEqual(both[1], both[0]);
  assert.equal((await security(false)).token, 'acme https://127.0.0.1:6443 1');
  assert.equal((await security(true)).token, 'acme https://127.0.0.1:6443 2');
  clock.jump(61_000);
  assert.equal((await security(false)).token, 'acme https://127.0.0.1:6443 3');
});

test('a credential plugin that fails is told with what it said', async (t) => {
  const exec = {
    command: process.execPath,
    args: ['-e', 'console.error("log in"); process.exit(1)'],
  };
  const { security } = fromKubeconfig({ path: write(folderOf(t), 'config', config({ exec })) });
  await assert.rejects(security(false), (error: unknown) => {
    assert.ok(error instanceof KubeError);
    assert.equal(error.code, 'KUBE_CREDENTIALS');
    assert.match(error.message, /log in/);
    return true;
  });
});

function podOf(t: TestContext): { folder: string; environment: Record<string, string> } {
  const folder = folderOf(t);
  write(folder, 'token', 'first\n');
  write(folder, 'ca.crt', 'CA');
  write(folder, 'namespace', 'torwacht');
  const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  return { folder, environment };
}

test('in a pod: the token is read again after a minute, and at once when it was refused', async (t) => {
  const { folder, environment } = podOf(t);
  const clock = new TestClock();
  const { server, namespace, security } = inCluster({ folder, environment, clock });
  assert.deepEqual([server, namespace], ['https://[fd00::1]:443', 'torwacht']);
  assert.deepEqual(await security(false), { ca: 'CA', token: 'first' });
  write(folder, 'token', 'second');
  assert.equal((await security(false)).token, 'first');
  clock.jump(60_000);
  assert.equal((await security(false)).token, 'second');
  write(folder, 'token', 'third');
  assert.equal((await security(true)).token, 'third');
});

test('outside of a pod the kubeconfig is taken, and inside only when it was named', async (t) => {
  const { environment } = podOf(t);
  const path = write(folderOf(t), 'config', config({ token: 'x' }));
  const outside = findConnection({ environment: { KUBECONFIG: path } });
  assert.equal(outside.server, 'https://127.0.0.1:6443');
  const named = findConnection({ environment: { ...environment, KUBECONFIG: path } });
  assert.equal(named.server, 'https://127.0.0.1:6443');
  const neither = refusal(() => findConnection({ environment: { HOME: folderOf(t) } }));
  assert.equal(neither.code, 'KUBE_CONFIG');
});
