/** What the token of an agent's pod is good for: reading bundles, and the status of its own node. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { apiVersion } from '#api/version.ts';
import type { Question } from '../cluster/api.ts';
import { useGrounds } from './ground.ts';

const groundOf = await useGrounds({ after: (work) => after(work) });
const root = `/apis/${apiVersion}`;
const type = 'application/merge-patch+json';

test('an agent reads what it must, writes the status of its own node, and nothing else', async () => {
  const ground = await groundOf('rights');
  await ground.publish('runners', ground.binding('runners'));
  await ground.assign('runners');
  const { api } = ground;
  const own = await ground.token();
  const ask = async (question: Question, as = own) => (await api.request(question, as)).status;
  const status = (node: string): Question => ({
    method: 'PATCH',
    type,
    path: `${root}/nodeagents/${node}/status`,
    body: { status: { version: '0.0.0' } },
  });

  for (const path of [
    'nodeagents',
    'policybundles',
    `policybundles/${ground.headName('runners')}`,
  ]) {
    assert.equal(await ask({ path: `${root}/${path}` }), 200, path);
  }
  assert.equal(await ask(status(ground.node)), 200);

  for (const path of [
    `${root}/egresspolicies`,
    `${root}/runnerbindings`,
    '/api/v1/pods',
    '/api/v1/secrets',
    '/api/v1/nodes',
  ]) {
    assert.equal(await ask({ path }), 403, path);
  }
  const node = `${root}/nodeagents/${ground.node}`;
  const head = `${root}/policybundles/${ground.headName('runners')}`;
  for (const [method, path, body] of [
    ['PATCH', node, { spec: { bindings: [] } }],
    ['DELETE', node, undefined],
    ['PATCH', head, { spec: {} }],
    ['DELETE', head, undefined],
  ] as const) {
    assert.equal(
      await ask({ method, type, path, ...(body ? { body } : {}) }),
      403,
      `${method} ${path}`,
    );
  }
});

test('it cannot speak for another node, and a token that names no node speaks for none', async () => {
  const [one, other] = [await groundOf('one'), await groundOf('other')];
  await one.assign();
  await other.assign();
  const body = { status: { version: '6.6.6' } };
  const path = `${root}/nodeagents/${other.node}/status`;
  const reply = await one.api.request({ method: 'PATCH', type, path, body }, await one.token());
  assert.equal(reply.status, 403);
  assert.match(reply.body, /its own node alone; this token is of node-one/);
  const unbound = await one.api.serviceAccount('torwacht', 'torwacht-agent');
  assert.equal((await one.api.request({ method: 'PATCH', type, path, body }, unbound)).status, 403);
  // The control: the same with the right token, and by an administrator.
  assert.equal(
    (await one.api.request({ method: 'PATCH', type, path, body }, await other.token())).status,
    200,
  );
  assert.equal((await one.api.request({ method: 'PATCH', type, path, body })).status, 200);
});
