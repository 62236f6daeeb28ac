/** Bad objects: a condition and an Event each, the last good state in force, and nobody else concerned. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Condition } from '#api/condition.ts';
import { maxBindings } from '#api/node-agent.ts';
import type { PolicyStatus } from '#api/status.ts';
import type { Resource } from '#kube/index.ts';
import { egressPolicies, nodeAgents, nodes, runnerBindings } from '#operator/resources.ts';
import { compile } from '#policy/compile.ts';
import { judgeName } from '#policy/judge-name.ts';
import { getOrNone, lastFirst, startOperator, useCluster } from './cluster.ts';
import { Fleet } from './fleet.ts';
import { eventually } from './wait.ts';
import { events } from './writing.ts';

const ending = lastFirst({ after });
const cluster = await useCluster(ending);
const { client, write } = cluster;
const first = startOperator(ending, cluster.api.kubeconfig);
const { requests } = first;
const fleet = new Fleet(client);
ending.after(() => fleet.stop());
await write.node('n1');

const ranges = (first: number) =>
  Array.from({ length: 9 }, (_, index) => ({ port: first + 2 * index }));
const allow = (...fqdn: string[]) => ({ allow: [{ fqdn }] });
const wide = Array.from({ length: 200 }, (_, rule) => ({
  fqdn: Array.from({ length: 20 }, (_, host) => `h${host}.r${rule}.${'x'.repeat(60)}.test`),
}));

interface Row {
  readonly what: string;
  /** What a person writes over a good policy that allows `good.test`. */
  readonly spec: object;
  readonly type: 'Stalled' | 'Limited';
  readonly reason: string;
  readonly message: RegExp;
  /** Beside it in the namespace. */
  readonly around?: object;
  readonly trust?: object;
  readonly ceiling?: object;
}

const rows: readonly Row[] = [
  {
    what: 'a preset that is unknown',
    spec: { presets: ['npn'] },
    type: 'Stalled',
    reason: 'UnknownPreset',
    message: /Did you mean "npm"/,
  },
  {
    what: 'a preset without hosts',
    spec: { presets: ['cache-s3'] },
    type: 'Stalled',
    reason: 'UnknownPreset',
    message: /hosts of its own/,
  },
  {
    what: 'a name that is an address',
    spec: allow('192.0.2.1'),
    type: 'Stalled',
    reason: 'ImpossibleName',
    message: /under `cidr`: 192\.0\.2\.1\/32/,
  },
  {
    what: 'a wildcard over a top-level domain',
    spec: allow('**.com'),
    type: 'Stalled',
    reason: 'ImpossibleName',
    message: /everything below com/,
  },
  {
    what: 'a prefix with bits behind it',
    spec: { allow: [{ cidr: ['192.0.2.1/24'] }] },
    type: 'Stalled',
    reason: 'InvalidSpec',
    message: /has bits set/,
  },
  {
    what: 'a policy that is too large',
    spec: { allow: wide },
    type: 'Stalled',
    reason: 'PolicyTooLarge',
    message: /Split it/,
  },
  {
    what: 'more port ranges than go together',
    spec: { allow: [{ fqdn: ['good.test', 'x.test'], ports: ranges(1000) }] },
    around: { allow: [{ fqdn: ['x.test'], ports: ranges(2000) }] },
    type: 'Stalled',
    reason: 'TooManyPortRanges',
    message: /more than 16 different port ranges/,
  },
  {
    what: 'jobs where nobody trusts what they say',
    spec: { selector: { jobs: ['deploy'] }, ...allow('good.test') },
    type: 'Limited',
    reason: 'UntrustedSelector',
    message: /matches no job/,
  },
  {
    what: 'an allow for jobs whose names nobody trusts',
    spec: { selector: { jobs: ['deploy'] }, ...allow('good.test') },
    trust: { annotations: true },
    type: 'Limited',
    reason: 'UntrustedSelector',
    message: /narrow and not allow/,
  },
  {
    what: 'a name that no policy can allow',
    spec: allow('good.test', 'dns.google'),
    type: 'Limited',
    reason: 'NeverMatches',
    message: /dns\.google/,
  },
  {
    what: 'what lies above a ceiling',
    spec: { allow: [{ fqdn: ['good.test'] }, { fqdn: ['above.test'] }] },
    ceiling: allow('good.test', 'other.test', 'another.test', 'mended.test'),
    type: 'Limited',
    reason: 'AboveCeiling',
    message: /left of allow\[1\] below/,
  },
];

const condition = async (of: Resource, path: string, type: string) => {
  const object = (await getOrNone(client, of, path)) as { status?: PolicyStatus } | undefined;
  return object?.status?.conditions?.find((one: Condition) => one.type === type);
};
const says = (of: Resource, path: string, type: string, reason: string) =>
  eventually(`${path} says ${type} ${reason}`, async () => {
    const found = await condition(of, path, type);
    return found?.reason === reason && found.status === 'True' ? found : false;
  });
const eventFor = (name: string, reason: string) =>
  eventually(`an Event ${reason} about ${name}`, async () => {
    const { items } = await client.list(events);
    return items.find((one) => one.regarding.name === name && one.reason === reason);
  });
const resolves = (namespace: string, name: string) =>
  judgeName(compile(fleet.documents('n1', namespace), { namespace }), name).allowed;

for (const [index, row] of rows.entries()) {
  test(`${row.what}: ${row.type} with ${row.reason}, an Event, and the others untouched`, async () => {
    const space = `n${index}`;
    await write.namespace(space);
    const trust = row.trust === undefined ? {} : { trust: row.trust };
    await write.binding(`${space}/runners`, trust);
    if (row.ceiling !== undefined) {
      const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': space } };
      await write.cluster(`most-${space}`, { namespaceSelector, ceiling: row.ceiling });
    }
    if (row.around !== undefined) await write.policy(`${space}/around`, row.around);
    await write.policy(`${space}/subject`, allow('good.test'));
    await write.policy(`${space}/other`, allow('other.test'));
    await says(egressPolicies, `${space}/subject`, 'Ready', 'InForce');

    await write.policy(`${space}/subject`, row.spec);
    const found = await says(egressPolicies, `${space}/subject`, row.type, row.reason);
    assert.match(found.message, row.message);
    const event = await eventFor('subject', row.reason);
    assert.equal(event.type, 'Warning');
    const status = row.type === 'Stalled' ? 'False' : 'True';
    await eventually(`Ready is ${status} for this generation`, async () => {
      const ready = await condition(egressPolicies, `${space}/subject`, 'Ready');
      return ready?.status === status && ready.observedGeneration === 2;
    });
    if (row.type === 'Stalled') {
      assert.match(found.message, /What was in force before stays\.$/);
      assert.equal(resolves(space, 'good.test'), true, 'the last good state');
    }

    await write.policy(`${space}/other`, allow('another.test'));
    await eventually(
      'another policy goes on',
      () => resolves(space, 'another.test') || row.reason === 'AboveCeiling',
    );
    await write.policy(`${space}/subject`, allow('good.test', 'mended.test'));
    await eventually('what is mended is in force', () => resolves(space, 'mended.test'));
    await eventually('and nothing is said against it', async () => {
      const left = await condition(egressPolicies, `${space}/subject`, row.type);
      return left === undefined || left.status === 'False';
    });
  });
}

test('bindings that may govern the same pods say so, and the stricter mode holds', async () => {
  await write.namespace('shared');
  const podLabels = { app: 'runner' };
  await write.binding('shared/a', { mode: 'Observe', selector: { podLabels } });
  await write.binding('shared/b', { mode: 'Block' });
  for (const [name, other] of [
    ['a', 'b'],
    ['b', 'a'],
  ]) {
    const found = await says(runnerBindings, `shared/${name}`, 'Conflicting', 'SamePods');
    assert.match(
      found.message,
      new RegExp(`^RunnerBinding shared/${other} may govern the same pods`),
    );
    await eventFor(name ?? '', 'SamePods');
    await says(runnerBindings, `shared/${name}`, 'Ready', 'InForce');
  }
  const mode = (labels: Record<string, string>) => {
    const documents = fleet.documents('n1', 'shared');
    return compile(documents, { namespace: 'shared', labels }).mode;
  };
  await eventually('the node holds both', () => fleet.documents('n1', 'shared').length === 2);
  assert.equal(mode(podLabels), 'Block');
  await write.binding('shared/b', { mode: 'Block', selector: { podLabels: { app: 'other' } } });
  await eventually('they are apart', async () => {
    const found = await condition(runnerBindings, 'shared/a', 'Conflicting');
    return found?.status === 'False';
  });
  await eventually('the node knows', () => mode(podLabels) === 'Observe');
});

test('what a binding lets through at admission stands in its status, with why', async () => {
  await write.namespace('images');
  const exceptions = [
    { allow: 'Privileged', reason: 'builds images, until they move', projects: ['42'] },
  ];
  await write.binding('images/a', { guard: { exceptions } });
  const read = () => cluster.api.kubectl(['get', 'rb', 'a', '-n', 'images', '-o', 'json']);
  await eventually('it says so', async () => {
    const { status } = JSON.parse(await read());
    return isDeepStrictEqual(status?.exceptions, exceptions);
  });
  await write.binding('images/a', {});
  await eventually('it does not any more', async () => {
    return JSON.parse(await read()).status.exceptions === undefined;
  });
});

test('of more bindings than a node holds the newest wait, and say so', async () => {
  await write.namespace('crowd');
  const alone = (app: string) => ({ selector: { podLabels: { app } } });
  const crowd = Array.from({ length: maxBindings }, (_, index) => `crowd/b${index}`);
  await Promise.all(crowd.map((path, index) => write.binding(path, alone(`app-${index}`))));
  // What is older is known to the second.
  await pause(1100);
  await write.binding('crowd/last', alone('last'));
  const found = await says(runnerBindings, 'crowd/last', 'Stalled', 'TooManyBindings');
  assert.match(found.message, new RegExp(`^A node holds ${maxBindings} RunnerBindings at most`));
  await eventFor('last', 'TooManyBindings');
  await eventually(
    'the node holds as many as it can',
    () => fleet.held.get('n1')?.size === maxBindings,
  );
  await Promise.all(crowd.map((path) => write.remove(runnerBindings, path)));
  await says(runnerBindings, 'crowd/last', 'Ready', 'InForce');
  await eventually('nothing is said against it', async () => {
    const left = await condition(runnerBindings, 'crowd/last', 'Stalled');
    return left === undefined || left.status === 'False';
  });
  await write.remove(runnerBindings, 'crowd/last');
});

test('a node that refuses is named with its reason, and nothing waits for ever', async () => {
  await write.node('n2');
  const agent = { metadata: { name: 'n2' } };
  await eventually('n2 has a NodeAgent', () => fleet.held.has('n2'));
  await write.policy('shared/late', allow('late.test'));
  await says(egressPolicies, 'shared/late', 'Ready', 'InForce');
  fleet.away.add('n2');
  await write.policy('shared/late', allow('later.test'));
  const report = (reason: string | undefined) => ({
    ...agent,
    status: {
      observedGeneration: 1,
      bindings: ['a', 'b'].map((name) => ({
        namespace: 'shared',
        name,
        digest: '0'.repeat(64),
        ...(reason === undefined ? {} : { reason, message: 'The disk is full.' }),
      })),
    },
  });
  await client.apply(nodeAgents, report('NoSpaceLeft'), {
    subresource: 'status',
    fieldManager: 'n2',
    force: true,
  });
  const ready = await eventually('it is said which node fails', async () => {
    const found = await condition(egressPolicies, 'shared/late', 'Ready');
    return found?.reason === 'NodesFail' ? found : false;
  });
  assert.equal(ready.status, 'False');
  const status = await eventually('it is in force on the other', async () => {
    const found = await client.get(egressPolicies, { name: 'late', namespace: 'shared' });
    return found.status?.nodes?.summary === '1/2' ? found.status : false;
  });
  assert.deepEqual(status.waiting, [
    { reason: 'NoSpaceLeft', message: 'The disk is full.', count: 1, nodes: ['n2'] },
  ]);
  assert.deepEqual(requests.failures, []);
});

test('who leads next finds in the pieces what was in force of a policy that went bad meanwhile', async () => {
  await client.delete(nodes, { name: 'n2' });
  await write.namespace('later');
  await write.binding('later/runners');
  await write.policy('later/subject', allow('good.test'));
  await write.policy('later/other', allow('other.test'));
  await says(egressPolicies, 'later/other', 'Ready', 'InForce');
  await eventually('the node holds it', () => resolves('later', 'good.test'));
  await first.stop();
  await write.policy('later/subject', { presets: ['npn'] });
  await write.policy('later/other', allow('another.test'));

  const second = startOperator(ending, cluster.api.kubeconfig);
  const found = await says(egressPolicies, 'later/subject', 'Stalled', 'UnknownPreset');
  assert.match(found.message, /What was in force before stays\.$/);
  await eventually('the other policy goes on', () => resolves('later', 'another.test'));
  assert.equal(resolves('later', 'good.test'), true);
  assert.equal(resolves('later', 'other.test'), false);
  assert.deepEqual(second.requests.failures, []);
});
