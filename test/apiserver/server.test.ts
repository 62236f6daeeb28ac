/** The fixture itself: what tests of others stand on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../cluster/wait.ts';
import { processStart } from '../lab/names.ts';
import { sweepFolders } from './folder.ts';
import { type ApiServer, useApiServer } from './server.ts';

const pods = { path: '/api/v1/namespaces/default/pods' };
const secret = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name } });

async function nameOf(api: ApiServer, as: Parameters<ApiServer['request']>[1]) {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const reply = await api.request({ method: 'POST', path, body }, as);
  assert.equal(reply.status, 201, reply.body);
  return JSON.parse(reply.body).status.userInfo;
}

test('people and service accounts are who they say, and may do nothing by themselves', async (t) => {
  const api = await useApiServer(t);
  assert.equal((await api.request(pods)).status, 200);

  const ada = api.user('ada', ['team-a', 'team-b']);
  const person = await nameOf(api, ada);
  assert.equal(person.username, 'ada');
  assert.deepEqual(person.groups, ['team-a', 'team-b', 'system:authenticated']);
  assert.equal((await api.request(pods, ada)).status, 403);

  await api.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-7' } });
  const agent = await api.serviceAccount('default', 'agent', { kind: 'Node', name: 'node-7' });
  const account = await nameOf(api, agent);
  assert.equal(account.username, 'system:serviceaccount:default:agent');
  assert.deepEqual(account.extra['authentication.kubernetes.io/node-name'], ['node-7']);
  assert.equal((await api.request(pods, agent)).status, 403);
  const nobody = await api.request(pods, { token: 'made-up' });
  assert.equal(nobody.status, 401);

  const written = readFileSync(api.kubeconfigFor(agent), 'utf8');
  assert.match(written, new RegExp(agent.token));
});

test('what was written outlives a killed etcd and a killed API server, at the same address', async (t) => {
  const api = await useApiServer(t);
  await api.apply(secret('kept'));
  const before = [api.etcd.pid, api.server.pid];
  await api.server.kill();
  await assert.rejects(api.request(pods), { code: 'ECONNREFUSED' });
  await api.etcd.kill();
  await api.etcd.start();
  await api.server.start();
  assert.notDeepEqual([api.etcd.pid, api.server.pid], before);
  await api.kubectl(['get', 'secret', 'kept']);
  await api.server.stop();
  assert.equal(api.server.pid, 0);
  await api.server.start();
  await api.kubectl(['get', 'secret', 'kept']);
});

test('a paused server takes connections and answers when it is resumed', async (t) => {
  const api = await useApiServer(t);
  api.server.pause();
  await waitFor('it stands still', () => stateOf(api.server.pid) === 'T', { everyMs: 10 });
  const reply = api.request(pods).then((got) => got.status);
  assert.equal(await Promise.race([reply, sleep(300)]), undefined);
  api.server.resume();
  assert.equal(await reply, 200);
});

test('two stand side by side, and one that is closed leaves nothing', async (t) => {
  const [one, two] = await Promise.all([useApiServer(t), useApiServer(t)]);
  await one.apply(secret('mine'));
  await assert.rejects(two.kubectl(['get', 'secret', 'mine']), /NotFound/);
  const { pid } = one.server;
  await one.close();
  assert.equal(processStart(pid), undefined);
  assert.equal(existsSync(dirname(one.kubeconfig)), false);
  assert.equal((await two.request(pods)).status, 200);
  await one.close();
});

test('with its controllers what is owned goes with its owner', async (t) => {
  const api = await useApiServer(t, { withControllers: true });
  await api.apply(secret('owner'));
  const uid = await api.kubectl(['get', 'secret', 'owner', '-o', 'jsonpath={.metadata.uid}']);
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Secret', name: 'owner', uid }];
  await api.apply({ ...secret('owned'), metadata: { name: 'owned', ownerReferences } });
  await api.kubectl(['delete', 'secret', 'owner']);
  await waitFor('the garbage collector took it', async () => {
    const { status } = await api.request({ path: '/api/v1/namespaces/default/secrets/owned' });
    return status === 404;
  });
});

test('a test run that is killed takes its servers along, and a sweep what is on disk', async (t) => {
  const source = `
    const { useApiServer } = await import(${JSON.stringify(join(import.meta.dirname, 'server.ts'))});
    const api = await useApiServer();
    console.log(JSON.stringify([api.kubeconfig, api.etcd.pid, api.server.pid]));
    await new Promise(() => setInterval(() => {}, 1000));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const [kubeconfig, ...pids] = JSON.parse(line) as [string, number, number];
  const folder = dirname(kubeconfig);
  assert.ok(pids.every((pid) => processStart(pid) !== undefined));
  assert.ok(!sweepFolders().some((name) => folder.endsWith(name)));
  child.kill('SIGKILL');
  await once(child, 'exit');
  await waitFor('they have ended', () => pids.every((pid) => processStart(pid) === undefined));
  assert.ok(existsSync(folder));
  assert.ok(sweepFolders().some((name) => folder.endsWith(name)));
  assert.equal(existsSync(folder), false);
});

function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '';
}
