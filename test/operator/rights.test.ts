/** With the rights of config/rbac and no others: the operator, two replicas of it, and agents. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Operator as OperatorReceiver } from '#agent/outputs/operator.ts';
import { openOutput } from '#agent/outputs/testing/output.ts';
import { makeAuthority } from '#delivery/testing/private-authority.ts';
import { secrets } from '#kube/certificates/secret.ts';
import { isKubeError, systemClock } from '#kube/index.ts';
import { AUDIENCE } from '#operator/intake/tokens.ts';
import { uninstall } from '#operator/once/uninstall.ts';
import { permissions } from '#operator/permissions.ts';
import {
  egressPolicies,
  nodeAgents,
  policyBundles,
  runnerBindings,
  violations,
} from '#operator/resources.ts';
import { render } from '../chart/helm.ts';
import { ROOT } from '../cluster/names.ts';
import { clientOf, lastFirst, startOperator, useCluster } from './cluster.ts';
import { Fleet } from './fleet.ts';
import { installRights, type Replica, startReplica } from './replicas.ts';
import { ask, balance, operatorFolder, rowNow, writesOf } from './rows.ts';
import { eventually } from './wait.ts';

const N1 = { kind: 'Node', name: 'n1' } as const;
const NOWHERE = new URL('http://127.0.0.1:1');

const ending = lastFirst({ after });
const { api, client, write } = await useCluster(ending);
await installRights(api);
const account = api.kubeconfigFor(await api.serviceAccount('torwacht', 'torwacht-operator'));
const fleet = new Fleet(client);
ending.after(() => fleet.stop());
for (const name of ['n1', 'n2']) await write.node(name);
await write.namespace('ci');

const inForce = (path: string, generation: number) =>
  eventually(`${path} is in force, generation ${generation}`, async () => {
    const [namespace = '', name = ''] = path.split('/');
    const { status } = await client.get(egressPolicies, { name, namespace });
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.reason === 'InForce' && ready.observedGeneration === generation;
  });

test('an API server takes all that config/default holds', async () => {
  const folder = join(ROOT, 'config/default');
  const dryRun = ['apply', '--kustomize', folder, '--dry-run=server', '--validate=strict'];
  const told = await api.kubectl(dryRun);
  for (const one of ['deployment.apps/torwacht-operator', 'daemonset.apps/torwacht-agent']) {
    assert.match(told, new RegExp(`^${one} created`, 'm'));
  }
});

test('an API server takes all that the chart can hold', async () => {
  const switches = ['networkPolicy', 'priorityClasses', 'resourceQuota'];
  const objects = render({
    values: {
      ...Object.fromEntries(switches.map((name) => [`${name}.create`, true])),
      'networkPolicy.metricsFrom': { team: 'platform' },
      'admission.pods': 'both',
      'admission.inject': true,
      'networkPolicy.operatorTo': [
        { to: [{ ipBlock: { cidr: '192.0.2.0/24' } }], ports: [{ port: 443 }] },
      ],
      'agent.outputs': ['webhook:https://192.0.2.1,secret=/etc/torwacht/outputs/siem'],
      'agent.outputsSecret': 'outputs',
      'operator.history.place': 'volume',
      'operator.replicas': 1,
      'agent.listenAddress': '0.0.0.0',
      'agent.sysResource': true,
      'image.pullSecrets': ['ours'],
      'operator.startupTaint': 'torwacht.io/agent-not-ready',
      'operator.tolerations': [{ key: 'pool', operator: 'Exists' }],
    },
  });
  // A pod needs its service account, and nothing is there after a dry run.
  const taken = objects.filter(({ kind }) => kind !== 'Pod');
  const text = taken.map((one) => JSON.stringify(one)).join('\n---\n');
  const told = await api.kubectl(
    ['apply', '-f', '-', '--dry-run=server', '--validate=strict'],
    text,
  );
  assert.equal(told.trim().split('\n').length, taken.length);
  assert.match(told, /^networkpolicy\.networking\.k8s\.io\/torwacht-webhook created/m);
});

test('what it is allowed is what it does', async () => {
  const operator = startOperator(ending, account, {
    lease: { namespace: 'torwacht', name: 'torwacht-operator', identity: 'first' },
    pace: { grace: 100, look: 100 },
  });
  const bad = { presets: ['npn'] };
  await write.binding('ci/runners');
  await write.cluster('floor', { deny: [{ fqdn: ['evil.test'] }] });
  await write.policy('ci/a', { presets: ['npm'] });
  await inForce('ci/a', 1);
  await write.policy('ci/b', bad);
  await write.namespace('web');
  await write.binding('web/runners');
  await write.policy('ci/a', { presets: ['pypi'] });
  await inForce('ci/a', 2);
  await client.delete(nodeAgents, { name: 'n1' });
  await client.delete(policyBundles, { name: 'ci.runners' });
  await eventually('both are there again', async () => {
    const { items } = await client.list(nodeAgents);
    return (
      items.length === 2 && client.get(policyBundles, { name: 'ci.runners' }).catch(() => false)
    );
  });
  await client.delete(
    { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false },
    { name: 'n2' },
  );
  await eventually('the NodeAgent of a node that is gone goes', async () => {
    const { items } = await client.list(nodeAgents);
    return items.length === 1;
  });
  await eventually('pieces that no head names go', async () => {
    const { items } = await client.list(policyBundles);
    const named = new Set(items.flatMap(({ spec }) => spec.head?.pieces ?? []));
    return items.every(({ metadata, spec }) => spec.head || named.has(metadata.name));
  });
  await operator.stop();
  // The last good pieces are read by who finds a bad policy when it starts.
  const second = startOperator(ending, account, {
    lease: { namespace: 'torwacht', name: 'torwacht-operator', identity: 'second' },
  });
  await eventually(
    'the second has built it',
    () => second.parts.isComplete && second.parts.state.bindings.size === 2,
  );
  await second.stop();

  assert.deepEqual([...operator.requests.failures, ...second.requests.failures], []);
  const used = new Set(
    [operator, second].flatMap(({ requests }) => [
      ...Object.keys(requests.takeWrites()),
      ...Object.keys(requests.takeReads()),
    ]),
  );
  const { cluster } = permissions();
  const allowed = cluster.flatMap(({ resources, verbs }) =>
    resources.flatMap((one) => verbs.map((verb) => `${verb} ${one.split('/')[0]}`)),
  );
  assert.deepEqual(
    // What kinds there are, everybody may ask: `get` of no resource.
    [...used].filter((one) => !allowed.includes(one) && !/( leases|^get )$/.test(one)),
    [],
  );
  // An Event that comes again is patched; nothing came again here. Rows of agents come further down.
  const unused = new Set(allowed).difference(used);
  const ofRows = ['create tokenreviews'];
  for (const verb of ['create', 'delete', 'get', 'update']) ofRows.push(`${verb} violations`);
  // Nobody asks for a kind that this server does not have: see reports.test.ts.
  for (const verb of ['create', 'delete', 'list', 'patch']) ofRows.push(`${verb} reports`);
  assert.deepEqual([...unused].sort(), [...ofRows, 'patch events'].sort());
});

const historyFolder = mkdtempSync(join(tmpdir(), 'torwacht-history-'));
ending.after(async () => rmSync(historyFolder, { recursive: true }));

/** A company's, which operators are told of, and one that nobody knows. */
const [ours, unknown] = ['ours', 'unknown'].map(makeAuthority) as [
  ReturnType<typeof makeAuthority>,
  ReturnType<typeof makeAuthority>,
];
ending.after(async () => {
  for (const one of [ours, unknown]) one.remove();
});

/** Replicas that are there, by the port that an agent comes to. */
let replicas: readonly Replica[] = [];
const service = await balance(ending, () => replicas.map(({ intake }) => intake));

/** An agent of n1 that sends rows, with a token as the kubelet gives it one. */
async function startAgent() {
  await write.node('n1');
  const folder = await operatorFolder(ending, api, {
    address: `127.0.0.1:${service.port}`,
    token: (await api.serviceAccount('torwacht', 'torwacht-agent', N1, AUDIENCE)).token,
  });
  const receiver = () => new OperatorReceiver({ folder, node: 'n1', userAgent: 'test' });
  return { ...openOutput({ url: NOWHERE, receiver: receiver() }), receiver };
}

test('two replicas: one leads; killed, the other goes on, with nothing written or counted twice', async () => {
  for (const file of ['service', 'answers']) {
    await api.kubectl(['apply', '--filename', join(ROOT, `config/operator/${file}.yaml`)]);
  }
  // On one host both may have one file; in a cluster, PostgreSQL.
  const ca = join(historyFolder, 'ca.crt');
  writeFileSync(ca, ours.certificate);
  const more = ['--violations', '50', '--history', join(historyFolder, 'history.db'), '--ca', ca];
  replicas = [startReplica(ending, account, more), startReplica(ending, account, more)];
  const leader = await eventually('one of them leads', () => replicas.find(({ leads }) => leads));
  await eventually('both take rows', () => replicas.every(({ intake }) => intake > 0));
  const { output, tally } = await startAgent();
  output.send(rowNow({ job_name: 'handed-over', count: 1, added: 1 }));
  await eventually('it is taken', () => tally.counts.sent === 1);
  await write.policy('ci/c', { allow: [{ fqdn: ['c.test'] }] });
  await inForce('ci/c', 1);
  const before = (await client.list(policyBundles)).items.map(
    ({ metadata }) => metadata.resourceVersion,
  );
  leader.kill('SIGKILL');
  output.send(rowNow({ job_name: 'handed-over', count: 5, added: 4 }));
  const other = replicas.find((one) => one !== leader);
  assert.ok(other);
  replicas = [other];
  await eventually('the other leads', () => other.leads);
  await write.policy('ci/d', { allow: [{ fqdn: ['d.test'] }] });
  await inForce('ci/d', 1);
  const now = (await client.list(policyBundles)).items.map(
    ({ metadata }) => metadata.resourceVersion,
  );
  assert.ok(now.filter((one) => !before.includes(one)).length <= 2, 'a piece and the head');
  await eventually('what came meanwhile is taken', () => tally.counts.sent === 2);
  await output.end(AbortSignal.abort());
  const [row] = (await client.list(violations)).items;
  assert.deepEqual([row?.spec.job, row?.spec.count], ['handed-over', 5]);
});

test('only the agent of a node is let in, by a token for the operator that is of that node', async () => {
  const { receiver } = await startAgent();
  const ip = await api.kubectl([
    'get',
    'service',
    '-n',
    'torwacht',
    'torwacht-operator',
    '-o',
    'jsonpath={.spec.clusterIP}',
  ]);
  const told = await operatorFolder(ending, api, { token: '' });
  assert.equal(readFileSync(join(told, 'address'), 'utf8'), `${ip}:9467`);
  const tokens = {
    'for the API server': await api.serviceAccount('torwacht', 'torwacht-agent', N1),
    'of no node': await api.serviceAccount('torwacht', 'torwacht-agent', undefined, AUDIENCE),
    'of another account': await api.serviceAccount('ci', 'default', N1, AUDIENCE),
  };
  const batch = { instance: 'i', events: [{ seq: 1, event: rowNow({ job_name: 'stranger' }) }] };
  const deliver = async (token: string, node = 'n1') => {
    const address = `127.0.0.1:${service.port}`;
    const folder = await operatorFolder(ending, api, { address, token });
    const one = new OperatorReceiver({ folder, node, userAgent: 'test' });
    const answer = await one.deliver(batch, new AbortController().signal);
    one.close();
    return answer.kind === 'later' ? answer.why : answer.kind;
  };
  const whys = await Promise.all(Object.values(tokens).map(({ token }) => deliver(token)));
  assert.match(whys[0] ?? '', /UNAUTHENTICATED/);
  assert.match(whys[1] ?? '', /PERMISSION_DENIED: this token was issued for no node/);
  assert.match(whys[2] ?? '', /PERMISSION_DENIED: this is not system:serviceaccount:torwacht/);
  const { token } = await api.serviceAccount('torwacht', 'torwacht-agent', N1, AUDIENCE);
  assert.match(
    await deliver(token, 'n2'),
    /PERMISSION_DENIED: the token is of n1, the batch is not/,
  );
  const jobs = (await client.list(violations)).items.map(({ spec }) => spec.job);
  assert.deepEqual(jobs, ['handed-over']);
  const own = receiver();
  const taken = await own.deliver(batch, new AbortController().signal);
  own.close();
  assert.equal(taken.kind, 'taken', 'the control');
});

test('a flood becomes few objects and few writes, and every attempt is in one of them', async () => {
  const [operator] = replicas;
  assert.ok(operator);
  await Promise.all(
    (await client.list(violations)).items.map(({ metadata }) =>
      client.delete(violations, metadata),
    ),
  );
  const before = await writesOf(operator);
  const { output, tally } = await startAgent();
  for (let at = 0; at < 2000; at++) {
    const flood = { job_name: `job-${at % 200}`, domain: `d${at}.example`, count: 3, added: 3 };
    output.send(rowNow(flood));
  }
  await eventually('all of it is taken', () => tally.counts.sent === 2000);
  await output.end(AbortSignal.abort());
  const { items } = await client.list(violations);
  assert.equal(items.length, 51);
  assert.equal(
    items.reduce((sum, { spec }) => sum + spec.count, 0),
    6000,
  );
  const rest = items.find(({ metadata }) => metadata.name === 'folded');
  assert.deepEqual([rest?.spec.folded?.rows, rest?.spec.count], [1950, 5850]);
  const writes = (await writesOf(operator)) - before;
  // Each object once, and the last one once more for each batch.
  assert.ok(writes >= 51 && writes <= 51 + 8, `${writes} writes`);
  const table = await api.kubectl(['get', 'violations', '--namespace=ci']);
  assert.match(table, /^job-0-\w+ +job-0 +42 +node +block +d0\.example +8000 +3 /m);
  assert.match(
    table,
    /^folded +\(several\) +\(several\) +\(several\) +several +\(several\) +5850 /m,
  );
});

test('a refusal is told by the routes of its binding, and is in the history of its job', async () => {
  const [operator] = replicas;
  assert.ok(operator);
  const receiver = await ours.serve();
  const strange = await unknown.serve();
  ending.after(() => receiver.close());
  ending.after(() => strange.close());
  const data = (url: string) => ({ 'ci.slack': Buffer.from(url).toString('base64') });
  const secret = (name: string, url: string) =>
    api.apply({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'torwacht' } },
      data: data(url),
    });
  await secret('torwacht-alerts', receiver.url.href);
  await secret('another', 'http://127.0.0.1:1/');
  await client.patch(
    runnerBindings,
    { name: 'runners', namespace: 'ci' },
    {
      spec: {
        alerts: {
          slack: [{ name: 'oncall', urlKey: 'slack' }],
          webhook: [{ name: 'strange', url: strange.url.href }],
        },
      },
    },
  );
  const { output } = await startAgent();
  // Rows that came before the binding's routes are told to nobody.
  await eventually('the binding is in force', async () => {
    output.send(rowNow({ job_name: 'told', project_id: '7', domain: 'evil.example' }));
    return receiver.received.length > 0;
  });
  await output.end(AbortSignal.abort());
  const { text } = JSON.parse(receiver.received[0] ?? '');
  assert.match(
    text,
    /^`Torwacht refused \d+ attempts?: told of project 7, evil\.example:8000\/tcp`$/,
  );
  // Its certificate is of an authority that nobody named: it is told nothing.
  await eventually('the other receiver is refused', () =>
    operator.lines.some(
      ({ msg, reason }) =>
        msg === 'it does not take what it is sent' && /verif|certificate/i.test(String(reason)),
    ),
  );
  assert.deepEqual(strange.received, []);

  const tokens = {
    reader: await api.serviceAccount('torwacht', 'torwacht-reader', undefined, AUDIENCE),
    'for the API server': await api.serviceAccount('torwacht', 'torwacht-reader'),
    'of an agent': await api.serviceAccount('torwacht', 'torwacht-agent', N1, AUDIENCE),
  };
  await eventually('it answers', () => operator.answers > 0);
  const path = '/v1/history?project=7&job=told';
  const told = await ask(operator.answers, path, tokens.reader.token);
  assert.equal(told.status, 200, told.body);
  const { events } = JSON.parse(told.body);
  assert.deepEqual(
    [events.length, events[0].domain, events[0].action],
    [1, 'evil.example', 'block'],
  );
  const refused = [tokens['for the API server'].token, tokens['of an agent'].token, ''];
  const statuses = await Promise.all(
    refused.map(async (token) => (await ask(operator.answers, path, token)).status),
  );
  assert.deepEqual(statuses, [401, 403, 401]);

  const own = clientOf(account, 'test');
  ending.after(async () => own.close());
  await own.get(secrets, { name: 'torwacht-alerts', namespace: 'torwacht' });
  await assert.rejects(own.get(secrets, { name: 'another', namespace: 'torwacht' }), {
    code: 'KUBE_FORBIDDEN',
  });
});

test('who has the Role torwacht-reader may ask the operator, and nothing else', async () => {
  await api.apply({
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding' },
    metadata: { name: 'ada-reads', namespace: 'torwacht' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'torwacht-reader' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'ada' }],
  });
  const ada = api.user('ada');
  const within = '/api/v1/namespaces/torwacht';
  const token = (of: string) =>
    api.request(
      {
        ...{ path: `${within}/serviceaccounts/${of}/token`, method: 'POST' },
        body: { spec: { audiences: [AUDIENCE], expirationSeconds: 600 } },
      },
      ada,
    );
  await eventually('RBAC lets her', async () => (await token('torwacht-reader')).status === 201);
  assert.equal((await token('torwacht-operator')).status, 403);
  const proxy = (of: string) =>
    api.request({ path: `${within}/services/${of}/proxy/v1/jobs` }, ada);
  // Nothing of a node is here, so nobody stands behind the Service; the rights are looked at first.
  assert.notEqual((await proxy('https:torwacht-answers:https')).status, 403);
  assert.equal((await proxy('https:torwacht-operator:intake')).status, 403);
  assert.equal((await api.request({ path: `${within}/secrets` }, ada)).status, 403);
});

test('a replica that is told to leave gives back its Lease', async () => {
  const [operator] = replicas;
  operator?.kill('SIGTERM');
  assert.equal(await operator?.ended, 0);
});

test('an agent writes the status of its own node, and nothing else', async () => {
  await write.node('n2');
  const boundTo = (name: string) => ({ kind: 'Node', name }) as const;
  const own = clientOf(
    api.kubeconfigFor(await api.serviceAccount('torwacht', 'torwacht-agent', boundTo('n1'))),
    'torwacht-agent',
  );
  const unbound = clientOf(
    api.kubeconfigFor(await api.serviceAccount('torwacht', 'torwacht-agent')),
    'torwacht-agent',
  );
  ending.after(async () => {
    own.close();
    unbound.close();
  });
  for (const name of ['n1', 'n2']) {
    await client.apply(nodeAgents, { metadata: { name }, spec: { bindings: [] } }, { force: true });
  }
  const report = (by: typeof own, name: string) =>
    by.apply(
      nodeAgents,
      { metadata: { name }, status: { version: '1' } },
      { subresource: 'status', force: true },
    );
  const refused = (message: RegExp) => (error: unknown) => {
    assert.ok(isKubeError(error, 'KUBE_FORBIDDEN'), String(error));
    assert.match(error.message, message);
    return true;
  };
  await eventually('the policy is in force', () =>
    report(own, 'n2').then(
      () => false,
      (error: unknown) => refused(/this token is of n1/)(error),
    ),
  );
  await report(own, 'n1');
  await assert.rejects(report(unbound, 'n1'), refused(/this token is of no node/));
  await assert.rejects(
    own.patch(nodeAgents, { name: 'n1' }, { spec: { bindings: [] } }),
    refused(/cannot patch/),
  );
  await assert.rejects(own.delete(nodeAgents, { name: 'n1' }), refused(/cannot delete/));
  await own.list(policyBundles);
  await assert.rejects(own.list(runnerBindings), refused(/cannot list/));
  // Even if somebody gives agents more than they should have.
  const rules = [{ apiGroups: ['torwacht.io'], resources: ['nodeagents'], verbs: ['*'] }];
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'too-much' } };
  await api.apply({ ...rbac, kind: 'ClusterRole', rules });
  await api.apply({
    ...rbac,
    kind: 'ClusterRoleBinding',
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'too-much' },
    subjects: [{ kind: 'ServiceAccount', name: 'torwacht-agent', namespace: 'torwacht' }],
  });
  await eventually('RBAC lets it', () =>
    own.patch(nodeAgents, { name: 'n1' }, { spec: { bindings: [] } }).then(
      () => false,
      (error: unknown) => isKubeError(error) && /nothing but the status/.test(error.message),
    ),
  );
  await assert.rejects(own.delete(nodeAgents, { name: 'n2' }), refused(/this token is of n1/));
});

test('before an uninstall it waits for pods that are held, and then takes the webhooks away', async () => {
  await write.binding('ci/runners');
  // Of these nobody is waited for: no agent is here to say that it left.
  for (const name of ['n1', 'n2']) await write.node(name, false);
  await api.kubectl(['apply', '--kustomize', join(ROOT, 'config/webhook')]);
  // Nobody answers for it here.
  const left = ['validatingwebhookconfigurations', '-o', 'name'];
  const job = { metadata: { name: 'job', namespace: 'ci' } };
  const account = { metadata: { name: 'default', namespace: 'ci' } };
  await api.apply({ apiVersion: 'v1', kind: 'ServiceAccount', ...account });
  const containers = [{ name: 'build', image: 'build' }];
  await api.apply({ apiVersion: 'v1', kind: 'Pod', ...job, spec: { containers } });
  const run = async () => {
    const lines: string[] = [];
    const done = await uninstall({
      ...{ client, clock: systemClock, namespace: 'torwacht', wait: 0, patience: 3000 },
      tell: (line) => lines.push(line),
    });
    return { done, said: lines.join('\n') };
  };
  const written = () => api.kubectl(['get', 'secrets,configmaps', '-n', 'torwacht', '-o', 'name']);
  const refused = await run();
  assert.equal(refused.done, false);
  for (const one of [
    'secret/torwacht-operator-certificates',
    'configmap/torwacht-operator-intake',
  ]) {
    assert.match(await written(), new RegExp(`^${one}$`, 'm'));
  }
  assert.match(refused.said, /are held: 1\n {2}ci\/job on no node yet\n/);
  assert.match(await api.kubectl(['get', ...left]), /torwacht-pods\n?$/);
  await api.kubectl(['annotate', 'namespace', 'torwacht', 'torwacht.io/uninstall=force']);
  const forced = await run();
  assert.equal(forced.done, true, forced.said);
  assert.match(forced.said, /^no node has anything pinned any more$/m);
  assert.equal(await api.kubectl(['get', ...left]), '');
  assert.equal(await api.kubectl(['get', 'nodeagents,policybundles', '-o', 'name']), '');
  assert.doesNotMatch(await written(), /torwacht-operator/);
  assert.notEqual(
    await api.kubectl(['get', 'runnerbindings,egresspolicies', '-A', '-o', 'name']),
    '',
  );
});
