/**
 * Violations as Reports of openreports.io: with the rights of config/rbac, on an API server that first does not have
 * the kind, then has it, and then has it no more.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ViolationSpec } from '#api/violation.ts';
import { systemClock } from '#kube/index.ts';
import { uninstall } from '#operator/once/uninstall.ts';
import { MOST_RESULTS, REPORT, reports } from '#operator/reports/report.ts';
import { namespaces, violations } from '#operator/resources.ts';
import { merged } from '#operator/violations/merge.ts';
import { rowOf } from '#operator/violations/testing/rows.ts';
import { established } from '../apiserver/crds.ts';
import { getOrNone, lastFirst, startOperator, useCluster } from './cluster.ts';
import { reportDefinition } from './openreports.ts';
import { installRights } from './replicas.ts';
import { eventually } from './wait.ts';

const ending = lastFirst({ after });
const { api, client, write } = await useCluster(ending);
await installRights(api);
const account = api.kubeconfigFor(await api.serviceAccount('torwacht', 'torwacht-operator'));
for (const name of ['ci', 'web', 'quiet']) await write.namespace(name);
const pace = { report: 100, served: 300 };
const start = () => startOperator(ending, account, { pace });

function specOf(change: Parameters<typeof rowOf>[0] = {}): ViolationSpec {
  const now = new Date().toISOString();
  const row = rowOf({ time: now, last_seen: now, ...change });
  return merged(undefined, row, { node: 'n1', now: Date.now() });
}
const put = (namespace: string, name: string, change: Parameters<typeof rowOf>[0] = {}) =>
  client.apply(
    violations,
    { metadata: { namespace, name }, spec: specOf(change) },
    { force: true },
  );
const reportIn = (namespace: string) => getOrNone(client, reports, `${namespace}/${REPORT}`);
const fails = (namespace: string, count: number) =>
  eventually(`the report of ${namespace} has ${count}`, async () => {
    const report = await reportIn(namespace);
    return report?.summary.fail === count ? report : false;
  });

const [install, remove] = [
  async () => {
    await api.apply(reportDefinition);
    await established(api, `crd/${reportDefinition.metadata.name}`);
  },
  () => api.kubectl(['delete', 'crd', reportDefinition.metadata.name]),
];

let operator = start();

test('without the kind nothing of it is asked, and nothing fails', async () => {
  await put('ci', 'install-1', { count: 3, added: 3 });
  await eventually('it knows the row', () => operator.violations.size === 1);
  // Some looks long.
  await sleep(4 * pace.served);
  const { requests } = operator;
  const all = { ...requests.takeReads(), ...requests.takeWrites() };
  assert.deepEqual(
    Object.keys(all).filter((one) => one.endsWith(' reports')),
    [],
  );
  assert.ok((all['get '] ?? 0) >= 2, 'it looks whether there is the kind');
  assert.deepEqual(requests.failures, []);
});

test('once there is the kind, a namespace with Violations has a Report, and no other has', async () => {
  await install();
  const { results, scope, summary, metadata } = await fails('ci', 1);
  assert.deepEqual(scope, { apiVersion: 'v1', kind: 'Namespace', name: 'ci' });
  assert.deepEqual(summary, { pass: 0, fail: 1, warn: 0, error: 0, skip: 0 });
  assert.deepEqual(
    results.map(({ message, properties }) => [message, properties.violation]),
    [
      [
        'node of job install of project 42: refused evil.example:8000/tcp, 3 times (default)',
        'install-1',
      ],
    ],
  );
  const managers = metadata.managedFields as readonly { manager: string; operation: string }[];
  assert.deepEqual(
    managers.map(({ manager, operation }) => [manager, operation]),
    [['torwacht-operator', 'Apply']],
  );
  const { items } = await client.list(reports);
  assert.deepEqual(
    items.map((one) => one.metadata.namespace),
    ['ci'],
  );
  await put('web', 'build-1', { action: 'observe' });
  await eventually(
    'what was let pass is a warning',
    async () => (await reportIn('web'))?.summary.warn === 1,
  );
});

test('it is bounded, counts all, and is written seldom while rows come fast', async () => {
  operator.requests.takeWrites();
  const names = Array.from({ length: MOST_RESULTS + 20 }, (_, index) => `row-${index}`);
  const begun = performance.now();
  await Promise.all(names.map((name) => put('ci', name)));
  const { results } = await fails('ci', names.length + 1);
  assert.equal(results.length, MOST_RESULTS);
  const most = Math.ceil((performance.now() - begun) / pace.report) + 1;
  const writes = operator.requests.takeWrites()['patch reports'] ?? 0;
  assert.ok(writes >= 1 && writes <= most, `${writes} writes where ${most} are in time`);
  await Promise.all(names.map((name) => client.delete(violations, { namespace: 'ci', name })));
  await fails('ci', 1);
});

test('what somebody takes away comes back; what is the same is not written again', async () => {
  await eventually('it is quiet', async () => {
    operator.requests.takeWrites();
    await sleep(3 * pace.served);
    return operator.requests.takeWrites()['patch reports'] === undefined;
  });
  await client.delete(reports, { namespace: 'ci', name: REPORT });
  await fails('ci', 1);
});

test('where no Violation is left, the Report goes; another one’s stays', async () => {
  const others = { metadata: { namespace: 'ci', name: 'scanner' }, source: 'scanner' };
  await client.create(reports, others as never);
  await client.delete(violations, { namespace: 'ci', name: 'install-1' });
  await eventually('it is gone', async () => (await reportIn('ci')) === undefined);
  assert.ok(await getOrNone(client, reports, 'ci/scanner'));
  assert.ok(await reportIn('web'));
});

test('a replica that leads anew removes what the one before left', async () => {
  await operator.stop();
  await client.delete(violations, { namespace: 'web', name: 'build-1' });
  await sleep(2 * pace.served);
  assert.ok(await reportIn('web'), 'nobody was there to remove it');
  operator = start();
  await eventually('it is gone', async () => (await reportIn('web')) === undefined);
});

test('a namespace that is deleted is no trouble', async () => {
  await put('quiet', 'last');
  await fails('quiet', 1);
  await client.delete(namespaces, { name: 'quiet' });
  // Nobody empties it here: it stays terminating, and nothing can be made in it.
  await client.delete(reports, { namespace: 'quiet', name: REPORT });
  await sleep(4 * pace.served);
  assert.equal(await reportIn('quiet'), undefined);
  assert.deepEqual(operator.requests.failures, []);
});

test('the kind goes and comes back, and so do the reports', async () => {
  await put('web', 'build-2');
  await fails('web', 1);
  await remove();
  await put('web', 'build-3');
  await sleep(4 * pace.served);
  assert.deepEqual(operator.requests.failures, []);
  await install();
  await fails('web', 2);
});

test('an uninstall takes them away', async () => {
  await operator.stop();
  const lines: string[] = [];
  const done = await uninstall({
    ...{ client, clock: systemClock, namespace: 'torwacht', wait: 0, patience: 100 },
    tell: (line) => lines.push(line),
  });
  assert.ok(done, lines.join('\n'));
  assert.equal(await reportIn('web'), undefined);
  assert.match(lines.join('\n'), /^Report web\/torwacht-violations is deleted$/m);
  await remove();
});
