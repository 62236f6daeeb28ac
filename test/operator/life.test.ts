import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Condition } from '#api/condition.ts';
import type { PolicyStatus } from '#api/status.ts';
import type { Resource } from '#kube/index.ts';
import {
  clusterEgressPolicies,
  egressPolicies,
  nodeAgents,
  nodes,
  policyBundles,
  runnerBindings,
} from '#operator/resources.ts';
import type { Identity } from '#policy/types.ts';
import { getOrNone, lastFirst, startOperator, useCluster } from './cluster.ts';
import { expectedDigests, heldDigests } from './expected.ts';
import { Fleet } from './fleet.ts';
import { eventually } from './wait.ts';

const ending = lastFirst({ after });
const cluster = await useCluster(ending);
const { client, write } = cluster;
const { requests } = startOperator(ending, cluster.api.kubeconfig, {
  pace: { grace: 300, refresh: 200, look: 200 },
});
const fleet = new Fleet(client);
ending.after(() => fleet.stop());

const identities: readonly Identity[] = [
  { namespace: 'ci' },
  { namespace: 'ci', project: '7' },
  { namespace: 'web' },
  { namespace: 'other' },
];
for (const name of ['ci', 'web', 'other']) await write.namespace(name, { team: name });

async function conditionOf(of: Resource, path: string, type = 'Ready') {
  const object = (await getOrNone(client, of, path)) as { status?: PolicyStatus } | undefined;
  const condition = object?.status?.conditions?.find((one: Condition) => one.type === type);
  return condition && { ...condition, nodes: object?.status?.nodes };
}
const reason = (of: Resource, path: string, wanted: string, summary?: string) =>
  eventually(`${path} is ${wanted} ${summary ?? ''}`, async () => {
    const found = await conditionOf(of, path);
    if (found?.reason !== wanted) return false;
    return summary === undefined || found.nodes?.summary === summary ? found : false;
  });
const inForce = () =>
  eventually('nodes hold what the objects say', async () => {
    const expected = await expectedDigests(client, identities);
    return [...fleet.agents.list()].every(
      ({ metadata }) => `${heldDigests(fleet, metadata.name, identities)}` === `${expected}`,
    );
  });
const quiet = async () => {
  // Whatever is on its way has arrived when nothing was written for a while.
  for (let last = -1; ; ) {
    const now = Object.values(requests.takeWrites()).reduce((sum, one) => sum + one, 0);
    if (now === 0 && last === 0) return;
    last = now;
    await sleep(400);
  }
};

test('without nodes an object is Ready, and says that there are none', async () => {
  await write.binding('ci/runners', { selector: { namespaces: ['ci', 'web'] } });
  await write.policy('ci/npm', { presets: ['npm'] });
  await write.policy('other/unbound', { presets: ['npm'] });
  await write.cluster('floor', { deny: [{ fqdn: ['evil.test'] }] });
  for (const [of, path] of [
    [runnerBindings, 'ci/runners'],
    [egressPolicies, 'ci/npm'],
    [clusterEgressPolicies, 'floor'],
  ] as const) {
    const ready = await reason(of, path, 'NoNodes');
    assert.equal(ready.status, 'True');
  }
  const unbound = await reason(egressPolicies, 'other/unbound', 'NoBinding');
  assert.equal(unbound.status, 'True');
});

test('nodes get a NodeAgent, hold what the objects say, and are counted', async () => {
  for (const name of ['n1', 'n2', 'n3']) await write.node(name);
  await reason(runnerBindings, 'ci/runners', 'InForce', '3/3');
  await inForce();
  const agent = await client.get(nodeAgents, { name: 'n1' });
  assert.deepEqual(agent.spec, {
    bindings: [{ namespace: 'ci', name: 'runners', bundle: 'ci.runners' }],
  });
});

test('a new policy is in force everywhere, and it is said so', async () => {
  await write.policy('web/a', { allow: [{ fqdn: ['a.test'] }] });
  const ready = await reason(egressPolicies, 'web/a', 'InForce', '3/3');
  assert.equal(ready.observedGeneration, 1);
  await inForce();
});

test('an edit is a piece, a head, and what is said of it', async () => {
  await quiet();
  await write.policy('web/a', { allow: [{ fqdn: ['b.test'] }] });
  await eventually('the second generation is in force', async () => {
    const ready = await conditionOf(egressPolicies, 'web/a');
    return ready?.observedGeneration === 2 && ready.status === 'True';
  });
  await inForce();
  const writes: Record<string, number> = {};
  await eventually('the piece that nobody needs goes', () => {
    for (const [one, count] of Object.entries(requests.takeWrites())) {
      writes[one] = (writes[one] ?? 0) + count;
    }
    return writes['delete policybundles'];
  });
  assert.equal(writes['create policybundles'], 1);
  assert.equal(writes['apply policybundles'] ?? writes['patch policybundles'], 1);
  assert.equal(writes['delete policybundles'], 1);
  assert.deepEqual(
    Object.keys(writes).filter((one) => one.includes('nodeagents')),
    [],
  );
  const policies = Object.entries(writes).filter(([one]) => one.includes('egresspolicies'));
  const told = policies.reduce((sum, [, count]) => sum + count, 0);
  assert.ok(told >= 1 && told <= 4, `${told} times it is said how far it has come`);
});

test('when nothing changes nothing is written, whatever other managers apply', async () => {
  await quiet();
  const labels = { metadata: { name: 'a', namespace: 'web', labels: { 'team.test/owner': 'b' } } };
  await client.apply(egressPolicies, labels, { fieldManager: 'argocd', force: true });
  const spec = { allow: [{ fqdn: ['b.test'] }] };
  await client.apply(
    egressPolicies,
    { metadata: { name: 'a', namespace: 'web' }, spec },
    { fieldManager: 'argocd', force: true },
  );
  await write.namespace('web', { team: 'web', unrelated: 'label' });
  await sleep(1500);
  assert.deepEqual(requests.takeWrites(), {});
  const { managedFields = [] } = (await client.get(egressPolicies, { name: 'a', namespace: 'web' }))
    .metadata as { managedFields?: readonly { manager?: string; subresource?: string }[] };
  const ofStatus = managedFields.filter(({ subresource }) => subresource === 'status');
  assert.deepEqual([...new Set(ofStatus.map(({ manager }) => manager))], ['torwacht-operator']);
});

test('kubectl waits for Ready, and finds no difference to what was applied', async () => {
  const { kubectl, logs } = cluster.api;
  for (const how of ['--server-side=true', '--server-side=false']) {
    const name = how === '--server-side=true' ? 'gitops' : 'by-hand';
    const file = join(logs, `${name}.json`);
    writeFileSync(
      file,
      JSON.stringify({
        apiVersion: 'torwacht.io/v1alpha1',
        kind: 'EgressPolicy',
        metadata: { name, namespace: 'web' },
        spec: { presets: ['npm'], allow: [{ fqdn: ['c.test'] }] },
      }),
    );
    await kubectl(['apply', how, '--filename', file]);
    const subject = [`egresspolicy/${name}`, '--namespace=web'];
    const waits = ['wait', ...subject, '--for=condition=Ready', '--timeout=60s'];
    assert.match(await kubectl(waits), /condition met/);
    await reason(egressPolicies, `web/${name}`, 'InForce');
    assert.equal(await kubectl(['diff', how, '--filename', file]), '', 'nothing to do');
    await write.remove(egressPolicies, `web/${name}`);
  }
});

test('labels of a namespace decide which cluster policies are about it', async () => {
  await write.cluster('team', {
    namespaceSelector: { matchLabels: { team: 'blue' } },
    ceiling: { allow: [{ fqdn: ['**.corp.test'] }] },
  });
  await reason(clusterEgressPolicies, 'team', 'NoBinding');
  await write.namespace('web', { team: 'blue' });
  await reason(clusterEgressPolicies, 'team', 'InForce', '3/3');
  await inForce();
  const limited = await eventually('the policy is limited', () =>
    conditionOf(egressPolicies, 'web/a', 'Limited'),
  );
  assert.equal(limited.reason, 'AboveCeiling');
  await client.delete(clusterEgressPolicies, { name: 'team' });
  await inForce();
  await eventually('the limit is gone', async () => {
    const found = await conditionOf(egressPolicies, 'web/a', 'Limited');
    return found?.status === 'False';
  });
});

test('a node that is not Ready is counted apart, one that is gone not at all', async () => {
  await write.node('n2', false);
  await reason(runnerBindings, 'ci/runners', 'InForce', '2/2');
  const { status } = await client.get(runnerBindings, { name: 'runners', namespace: 'ci' });
  assert.equal(status?.nodes?.notReady, 1);
  await client.delete(nodes, { name: 'n2' });
  await eventually(
    'its NodeAgent is gone',
    async () => !(await getOrNone(client, nodeAgents, 'n2')),
  );
  await eventually('it is counted no more', async () => {
    const found = await client.get(runnerBindings, { name: 'runners', namespace: 'ci' });
    return found.status?.nodes?.notReady === 0;
  });
});

test('what somebody does to bundles and NodeAgents is put right', async () => {
  const [head] = (await client.list(policyBundles, { labelSelector: 'torwacht.io/bundle-head' }))
    .items;
  assert.ok(head?.spec.head);
  const [piece = ''] = head.spec.head.pieces;
  await client.delete(policyBundles, { name: piece });
  await eventually('the piece is there again', () => getOrNone(client, policyBundles, piece));
  await client.delete(policyBundles, { name: head.metadata.name });
  await eventually('so is the head', () => getOrNone(client, policyBundles, head.metadata.name));
  await client.patch(
    policyBundles,
    { name: head.metadata.name },
    { spec: { head: { policies: 99 } } },
  );
  await eventually('and says what it said', async () => {
    const found = await getOrNone(client, policyBundles, head.metadata.name);
    return found?.spec.head?.policies === head.spec.head?.policies;
  });
  await client.delete(nodeAgents, { name: 'n1' });
  await eventually('the NodeAgent is there again', () => getOrNone(client, nodeAgents, 'n1'));
  await reason(runnerBindings, 'ci/runners', 'InForce', '2/2');
  await inForce();
});

test('what is deleted is in force nowhere any more', async () => {
  for (const path of ['ci/npm', 'web/a']) await write.remove(egressPolicies, path);
  await inForce();
  await write.remove(runnerBindings, 'ci/runners');
  await eventually('no bundle is left', async () => {
    const { items } = await client.list(policyBundles);
    return items.length === 0;
  });
  await eventually('nodes hold nothing', () =>
    [...fleet.agents.list()].every(({ spec }) => (spec.bindings ?? []).length === 0),
  );
  assert.deepEqual(requests.failures, []);
});
