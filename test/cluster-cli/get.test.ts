/** `torwacht get` and `torwacht explain` against a real API server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { agentStatus, held, inForce, setUp, tellBinding } from './scene.ts';
import { ready, useWorld } from './world.ts';

const world = await useWorld({ after });
const { api, asked, torwacht, write, tell } = world;
before(() => setUp(world));

const rulesOf = (told: { rules: { action: string; to: string; rule: string }[] }) =>
  told.rules.map(({ action, to, rule }) => `${action} ${to}: ${rule}`);

test('policies are listed with what the operator says of them, and its silence is told', async () => {
  const { code, told } = await asked(['get', 'policies', '-n', 'ci']);
  assert.equal(code, 0);
  const rows = told.policies.map(
    (one: { title: string; ready: string }) => `${one.title} ${one.ready}`,
  );
  assert.deepEqual(rows, [
    'ClusterEgressPolicy elsewhere True',
    'ClusterEgressPolicy floor True',
    'EgressPolicy ci/build True',
    'EgressPolicy ci/web True',
  ]);
  const all = await torwacht(['get', 'policies', '-A']);
  assert.match(all.stdout, /^KIND +NAMESPACE +NAME +READY +REASON +NODES +AGE$/m);
  assert.match(all.stdout, /^EgressPolicy +ci +web +True +InForce +2\/2 +\d+s$/m);
  assert.match(all.stdout, /^EgressPolicy +other +foreign +Unknown +NotObserved +- /m);
  assert.ok(!all.stdout.includes('\x1b'));
});

test('bindings are listed where they stand and where they govern', async () => {
  const own = await torwacht(['get', 'bindings', '-n', 'ci']);
  assert.match(own.stdout, /^ci +runners +Block +ci +True +InForce +2\/2 +4 /m);
  const none = await torwacht(['get', 'bindings', '-n', 'other']);
  assert.equal(none.stdout, 'No RunnerBinding in namespace other.\n');
  await write('RunnerBinding', 'far', { selector: { namespaces: ['other'] }, mode: 'Observe' });
  try {
    const { told } = await asked(['get', 'bindings', '-n', 'other']);
    assert.deepEqual(
      told.bindings.map((one: { title: string }) => one.title),
      ['RunnerBinding ci/far'],
    );
  } finally {
    await api.kubectl(['delete', 'runnerbinding', 'far', '-n', 'ci']);
  }
});

test('nodes are listed with what each holds of what it has to', async () => {
  const { stdout } = await torwacht(['get', 'nodes']);
  assert.match(stdout, /^node-1 +True +True +Holding +1\/1 +3 +0 +0\.1\.0 +6\.12\.0 /m);
  assert.match(stdout, /^node-3 +False +Unknown +AgentSilent +0\/1 /m);
});

test('of a pod: who it is, from which objects, and the rules after ceiling and deny', async () => {
  const { code, told } = await asked(['get', 'policies', '--pod', 'job', '-n', 'ci']);
  assert.equal(code, 0);
  assert.equal(told.project, '4711');
  assert.equal(told.job, 'build:web');
  assert.equal(told.mode, 'Block');
  assert.deepEqual(
    told.objects.map(({ title }: { title: string }) => title),
    [
      'ClusterEgressPolicy floor',
      'EgressPolicy ci/build',
      'EgressPolicy ci/web',
      'RunnerBinding ci/runners',
    ],
  );
  const rules = rulesOf(told);
  assert.deepEqual(rules.slice(0, 2), [
    'deny **.evil.example: ClusterEgressPolicy floor deny[0]',
    'deny not-in-build.example.com: EgressPolicy ci/build deny[0]',
  ]);
  assert.ok(rules.includes('allow api.example.com: EgressPolicy ci/web allow[0]'));
  assert.ok(rules.includes('allow registry.npmjs.org: EgressPolicy ci/web preset npm'));
  assert.ok(rules.includes('allow gitlab.example.net: RunnerBinding ci/runners gitlab'));
  // Job names are not trusted to open anything.
  assert.ok(!rules.some((rule) => rule.includes('build.example.com: EgressPolicy ci/build allow')));
  assert.match(told.notes.join('\n'), /ci\/build selects jobs by name, .*trust\.jobNames/);
  const closed = told.closed.map(({ to, by }: { to: string; by: string }) => `${to} ${by}`);
  assert.deepEqual(closed, [
    'c2.evil.example ClusterEgressPolicy floor deny[0]',
    'dns.google always denied: doh',
  ]);
  const above = told.aboveCeilings.map(({ to }: { to: string }) => to);
  assert.deepEqual(above, ['mirror.example.org']);

  const { stdout } = await torwacht(['get', 'policies', '--pod', 'job', '-n', 'ci']);
  assert.match(stdout, /^pod +ci\/job on node-1$/m);
  assert.match(stdout, /^project +4711 \(label project\.runner\.gitlab\.com\/id\)$/m);
  assert.match(stdout, /^job +build:web \(annotation job\.runner\.gitlab\.com\/name\)$/m);
  assert.match(stdout, /^allow +api\.example\.com +443\/TCP +EgressPolicy ci\/web allow\[0\]$/m);
  assert.match(stdout, /^not in force: mirror\.example\.org .* is more than a ceiling leaves$/m);
});

test('a pod is believed what its binding trusts, and no more', async () => {
  const bare = await asked(['get', 'policies', '--pod', 'bare', '-n', 'ci']);
  assert.equal(bare.told.project, null);
  assert.ok(!rulesOf(bare.told).some((rule) => rule.includes('ci/web')));
  const free = await torwacht(['get', 'policies', '--pod', 'free', '-n', 'ci']);
  assert.match(free.stdout, /^Nothing holds it: no RunnerBinding governs it\.$/m);

  const distrust = { op: 'replace', path: '/spec/trust/annotations', value: false };
  const path = '/apis/torwacht.io/v1alpha1/namespaces/ci/runnerbindings/runners';
  const change = async (value: boolean) => {
    const body = [{ ...distrust, value }];
    const type = 'application/json-patch+json';
    assert.equal((await api.request({ method: 'PATCH', path, type, body })).status, 200);
    await tellBinding(world, inForce);
  };
  await change(false);
  try {
    const { told } = await asked(['get', 'policies', '--pod', 'job', '-n', 'ci']);
    assert.equal(told.job, null);
    const { stdout } = await torwacht(['get', 'policies', '--pod', 'job', '-n', 'ci']);
    assert.match(
      stdout,
      /^job +unknown: it says "build:web", and RunnerBinding ci\/runners does not trust/m,
    );
  } finally {
    await change(true);
  }
});

test('of a project and a job that have no pod: as a pod of theirs would be', async () => {
  const { told } = await asked(['get', 'policies', '--project', '4711', '--job', 'x', '-n', 'ci']);
  assert.equal(told.governed, true);
  assert.ok(rulesOf(told).some((rule) => rule.startsWith('allow api.example.com')));
  assert.match(told.notes.join('\n'), /Assumed that its pod has the labels role=job/);
  const other = await asked(['get', 'policies', '--project', '99', '-n', 'ci']);
  assert.ok(!rulesOf(other.told).some((rule) => rule.includes('ci/web')));
});

const explained = (destination: string, ...args: string[]) =>
  asked(['explain', destination, '-n', 'ci', ...args]);

test('explain gives the verdict with its steps, and says that every node has it', async () => {
  const allowed = await explained('api.example.com', '--pod', 'job');
  assert.equal(allowed.code, 0);
  assert.equal(allowed.told.allowed, true);
  assert.equal(allowed.told.rule.rule, 'EgressPolicy ci/web allow[0]');
  assert.equal(allowed.told.rule.place, 'spec.allow[0].fqdn[0]');
  assert.equal(allowed.told.coverage.everywhere, true);
  assert.deepEqual(allowed.told.coverage.node, { name: 'node-1', behind: [] });

  const refused = await explained('c2.evil.example', '--project', '4711');
  assert.equal(refused.code, 1);
  assert.equal(refused.told.rule.rule, 'ClusterEgressPolicy floor deny[0]');
  const above = await explained('mirror.example.org', '--project', '4711');
  assert.equal(above.code, 1);
  assert.match(above.told.hints.join('\n'), /the ceiling of ClusterEgressPolicy floor does not/);

  const { stdout } = await torwacht(['explain', 'api.example.com', '--pod', 'job', '-n', 'ci']);
  assert.match(stdout, /^allowed: api\.example\.com on 443\/TCP$/m);
  assert.match(
    stdout,
    /^ {2}lookup: allow rules .* api\.example\.com in EgressPolicy ci\/web allow\[0\] \(spec\.allow\[0\]\.fqdn\[0\]\)$/m,
  );
  assert.match(stdout, /^in force on every node, all 4 objects that hold here$/m);
});

test('explain of a Violation says who tried what, why it was refused, and what would allow it', async () => {
  const at = '2026-11-26T21:25:52Z';
  const spec = {
    ...{ project: '4711', job: 'install', process: 'node', parent: 'npm', ancestry: ['sh', 'npm'] },
    ...{ executable: '/usr/bin/node', arguments: 'node setup.js', action: 'block' },
    ...{ destination: 'tracker.example.com', address: '192.0.2.1', port: 443, protocol: 'tcp' },
    ...{ reason: 'default', rule: 'default', count: 3, firstSeen: at, lastSeen: at },
    pods: [{ name: 'runner-1', container: 'build', node: 'node-1' }],
  };
  await world.write('Violation', 'install-1', spec);
  await world.write('Violation', 'install-2', {
    ...spec,
    reason: 'metadata',
    destination: '169.254.169.254',
    address: '169.254.169.254',
  });
  const { code, stdout } = await torwacht(['explain', 'violation/install-1', '-n', 'ci']);
  assert.equal(code, 0);
  assert.match(stdout, /^process +node \(\/usr\/bin\/node\) of npm$/m);
  assert.match(stdout, /^destination +tracker\.example\.com:443 \(tcp, 192\.0\.2\.1\)$/m);
  assert.match(stdout, /^No rule allows this destination\.$/m);
  const command = 'torwacht explain tracker.example.com:443 --project 4711 --job install -n ci';
  assert.ok(stdout.includes(command));
  const row = await asked(['explain', 'vio/install-1', '-n', 'ci']);
  const document = parse(row.told.allowing);
  assert.deepEqual(document.spec.selector, { projects: ['4711'] });
  assert.deepEqual(document.spec.allow, [{ fqdn: ['tracker.example.com'] }]);
  await world.write('EgressPolicy', 'from-violation', document.spec);
  assert.equal((await explained('tracker.example.com:443', '--project', '4711')).code, 0);
  const never = await asked(['explain', 'violation/install-2', '-n', 'ci']);
  assert.deepEqual([never.code, never.told.allowing], [0, null]);
  assert.match(never.told.why, /^No policy can allow this: it is the metadata service/);
  const none = await torwacht(['explain', 'violation/nope', '-n', 'ci']);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /TW_KUBE_NOT_FOUND/);
  for (const name of ['install-1', 'install-2'])
    await world.api.kubectl(['delete', 'vio', name, '-n', 'ci']);
  await world.api.kubectl(['delete', 'egp', 'from-violation', '-n', 'ci']);
});

test('explain says that a node is behind, and that an edit is not in force yet', async () => {
  await write('EgressPolicy', 'late', { allow: [{ fqdn: ['late.example.com'] }] });
  const updating = {
    ...inForce,
    conditions: [ready('False', 'RollingOut', 'In force on 1 of 2 nodes.')],
  };
  await tellBinding(world, {
    ...updating,
    waiting: [{ reason: 'Updating', count: 1, nodes: ['node-1'] }],
  });
  await tell('NodeAgent', 'node-1', agentStatus([{ ...held, digest: 'b'.repeat(64) }]));
  try {
    const { code, told } = await explained('late.example.com', '--pod', 'job');
    assert.equal(code, 0);
    assert.equal(told.coverage.everywhere, false);
    const titles = told.coverage.behind.map(({ title }: { title: string }) => title);
    assert.deepEqual(titles, ['EgressPolicy ci/late', 'RunnerBinding ci/runners']);
    assert.equal(told.coverage.node.behind[0].reason, 'Updating');
    const { stdout } = await torwacht(['explain', 'late.example.com', '--pod', 'job', '-n', 'ci']);
    assert.match(stdout, /^not in force everywhere: 2 of 5 objects/m);
    assert.match(stdout, /ci\/late, generation 1: NotObserved\. The operator has not read it yet/);
    assert.match(stdout, /node node-1, where the pod runs, does not hold ci\/runners: Updating/);
  } finally {
    await api.kubectl(['delete', 'egresspolicy', 'late', '-n', 'ci']);
    await tellBinding(world, inForce);
    await tell('NodeAgent', 'node-1', agentStatus([held]));
  }
});

test('explain of what nothing holds says so', async () => {
  const { code, told } = await explained('anything.example', '--pod', 'free');
  assert.equal(code, 0);
  assert.deepEqual([told.governed, told.allowed], [false, true]);
});

test('doctor: the kinds are those of this version, agents are ready, and what is missing is told', async () => {
  await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'doctored' } });
  const about = async (...args: string[]) => {
    const { code, told } = await asked(['doctor', '--cluster', ...args]);
    const found = told.groups[0].findings.map(
      (one: { level: string; check: string }) => `${one.level} ${one.check}`,
    );
    return { code, found };
  };
  const before = await about();
  assert.deepEqual(before.found, [
    ...['pass server', 'pass kinds', 'pass nodes', 'warn nodes.node-3', 'fail objects'],
    ...['warn admission.pods', 'warn admission.objects', 'warn admission.guard'],
    ...['warn namespaces', 'pass network'],
  ]);
  assert.equal(before.code, 1);
  const label = (name: string, change: string) =>
    api.kubectl(['label', 'namespace', name, `torwacht.io/enforce${change}`]);
  await label('ci', '=true');
  await label('doctored', '=true');
  try {
    const { found } = await about();
    // Nobody is there who would refuse it, and both namespaces let nothing in once somebody is.
    const wrong = found.filter((line: string) => line.startsWith('fail'));
    assert.deepEqual(wrong, [
      ...['fail objects', 'fail admission.pods', 'fail admission.asked'],
      ...['fail namespaces', 'fail namespaces'],
    ]);
  } finally {
    await label('ci', '-');
    await api.kubectl(['delete', 'namespace', 'doctored', '--wait=false']);
  }
});

test('the settings of a runner are made from the binding of the cluster', async () => {
  await write('RunnerBinding', 'builds', {
    selector: { namespaces: ['other'] },
    runners: [{ serviceAccount: 'gitlab-runner' }],
    gitlab: { url: 'https://gitlab.example.net' },
    barrier: { images: ['registry.example.com/torwacht-barrier:1'], args: ['--deadline', '60s'] },
  });
  try {
    const made = await torwacht(['runner', 'config', '-n', 'other']);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^ {4}namespace = "other"$/m);
    assert.match(made.stdout, /image: registry\.example\.com\/torwacht-barrier:1$/m);
    const lacking = await torwacht(['runner', 'config', '-n', 'ci']);
    assert.equal(lacking.code, 3);
    assert.match(lacking.stderr, /\[TW_RUNNER_NO_TEMPLATE\]/);
  } finally {
    await api.kubectl(['delete', 'runnerbinding', 'builds', '-n', 'ci']);
  }
});
