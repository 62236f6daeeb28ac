import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryApi } from '#kube/testing/memory-api.ts';
import { configMaps, intakeTrust, services } from './trust.ts';

const place = { namespace: 'torwacht', service: 'torwacht-operator' };
const at = { namespace: 'torwacht', name: 'torwacht-operator-intake' };

/** What agents are told. */
function told(api: MemoryApi) {
  return api.get(configMaps, at)?.data;
}

function putService(api: MemoryApi, clusterIP: string): void {
  const metadata = { namespace: 'torwacht', name: 'torwacht-operator' };
  const ports = [
    { name: 'other', port: 80 },
    { name: 'intake', port: 9467 },
  ];
  api.put(services, { metadata, spec: { clusterIP, ports } });
}

test('agents are told whom to trust at once, and where the operator is as soon as there is a Service', async () => {
  const api = new MemoryApi();
  const trust = intakeTrust(place);
  const name = { 'server-name': 'torwacht-operator.torwacht.svc' };
  await trust.publish(api.client(), 'first');
  assert.deepEqual(told(api), { 'ca.crt': 'first', ...name });
  for (const [ip, address] of [
    ['10.96.0.20', '10.96.0.20:9467'],
    ['fd00::20', '[fd00::20]:9467'],
  ] as const) {
    putService(api, ip);
    assert.equal(await trust.isPublished(api.client(), 'first'), false);
    await trust.publish(api.client(), 'first');
    assert.deepEqual(told(api), { 'ca.crt': 'first', ...name, address });
  }
  putService(api, 'None');
  await trust.publish(api.client(), 'first');
  assert.deepEqual(told(api), { 'ca.crt': 'first', ...name }, 'it has no address of its own');
});

test('what is told already is not told again, and another authority is not taken for told', async () => {
  const api = new MemoryApi();
  const trust = intakeTrust(place);
  await trust.publish(api.client(), 'first');
  await trust.publish(api.client(), 'first');
  assert.equal(api.writes.length, 1);
  assert.equal(await trust.isPublished(api.client(), 'first'), true);
  assert.equal(await trust.isPublished(api.client(), 'first\nsecond'), false);
});
