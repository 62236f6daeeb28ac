/** What a refused call home of the poisoned job leaves behind, at every place where somebody would look for it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type EgressEvent, egressEventSchema } from '#api/event.ts';
import type { ViolationSpec } from '#api/violation.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { waitFor } from '../cluster/wait.ts';
import { thief } from '../demo/world.ts';
import type { Lab } from '../lab/lab.ts';
import { REGISTRY_NAME } from '../lab/servers/registry.ts';
import type { Sink } from '../lab/servers/sink.ts';
import { PROJECT } from './job.ts';

const NAMESPACE = 'torwacht';
const at = [`--namespace=${NAMESPACE}`];
/** Of the internet's side: pods and the node's network reach it. */
const ADDRESS = '203.0.113.40';
const slack = `http://${ADDRESS}:8080/services/T0/B0/demo`;
const METADATA = '169.254.169.254';

export interface Receivers {
  /** For `agent.outputs`. */
  readonly output: string;
  /** Bodies that came to a path. */
  bodies(path: string): readonly string[];
}

/** Something that takes what Slack takes, and a collector of OTLP logs. */
export async function startReceivers(internet: Lab): Promise<Receivers> {
  const sink: Sink = await internet.sink(
    [8080, 4318].map((port) => ({ kind: 'http', address: ADDRESS, port })),
  );
  return {
    output: `otlp:http://${ADDRESS}:4318`,
    bodies: (path) =>
      sink
        .log()
        .flatMap((one) => (one.event === 'request' && one.path === path ? [one.body ?? ''] : [])),
  };
}

/** Where bindings of a namespace send alerts that name the key `slack`. */
export function alertSecret(namespace: string): object {
  const metadata = { name: 'torwacht-alerts', namespace: NAMESPACE };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata,
    stringData: { [`${namespace}.slack`]: slack },
  };
}

/** After one job of `job.ts`, refused: exactly what happened, and the same everywhere. */
export async function assertEvidence(
  cluster: Cluster,
  namespace: string,
  receivers: Receivers,
): Promise<void> {
  const { violations, rows } = await collect(cluster, namespace);
  await assertViolations(cluster, namespace, violations);
  assertRows(rows);
  await assertAlert(receivers, namespace);
  await assertRecord(receivers, namespace);
  await assertMetrics(cluster, violations, rows);
  await assertHistory(cluster);
}

interface Collected {
  readonly violations: readonly ViolationSpec[];
  /** Of the agent's standard output. */
  readonly rows: readonly EgressEvent[];
}

/** Once both say how often each place was tried: what happens again is told later. */
async function collect(cluster: Cluster, namespace: string): Promise<Collected> {
  return await waitFor('every attempt is in a row and in a Violation', async () => {
    const rows = await rowsOf(cluster);
    const get = ['get', 'violations', `--namespace=${namespace}`, '-o', 'json'];
    const { items } = JSON.parse(await cluster.kubectl(get)) as {
      items: { spec: ViolationSpec }[];
    };
    const violations = items
      .map(({ spec }) => spec)
      .toSorted((a, b) => (a.destination < b.destination ? -1 : 1));
    const counts = violations.map(({ destination, count }) => [destination, count] as const);
    const told = new Map<string, number>();
    for (const { action, domain, ip, added } of rows) {
      const place = domain ?? ip ?? '';
      if (action !== 'allow') told.set(place, (told.get(place) ?? 0) + (added ?? 0));
    }
    const same = told.size === counts.length && counts.every(([at, n]) => told.get(at) === n);
    const all = counts.some(([at, n]) => at === thief.address && n >= 2);
    if (same && all) return { violations, rows };
    throw new Error(JSON.stringify([counts, [...told]]));
  });
}

async function rowsOf(cluster: Cluster): Promise<readonly EgressEvent[]> {
  const log = await cluster.kubectl(['logs', 'daemonset/torwacht-agent', ...at, '--tail=-1']);
  return log.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const { event } = JSON.parse(line) as { event?: unknown };
    return event === undefined ? [] : [egressEventSchema.parse(event)];
  });
}

async function assertViolations(
  cluster: Cluster,
  namespace: string,
  violations: readonly ViolationSpec[],
): Promise<void> {
  for (const { project, job, process, executable, parent, action, pods } of violations) {
    assert.deepEqual([project, job, process], [String(PROJECT), 'install', 'node']);
    assert.deepEqual([executable, parent, action], ['/usr/local/bin/node', 'sh', 'block']);
    assert.deepEqual([pods.length, pods[0]?.container], [1, 'build']);
    assert.equal(pods[0]?.node, cluster.node.name);
  }
  const [byAddress, toMetadata, byName] = violations.map((one) => [
    ...[one.destination, one.port, one.protocol, one.reason, one.rule, one.count],
  ]);
  // Once by the package, once by the job's own last line.
  assert.deepEqual(byAddress, [thief.address, thief.port, 'tcp', 'default', 'default', 2]);
  assert.deepEqual(toMetadata, [METADATA, 80, 'tcp', 'metadata', 'always denied', 1]);
  // A lookup may be sent again, so its number is that of the rows.
  assert.deepEqual(byName?.slice(0, 5), [thief.name, undefined, undefined, 'default', 'default']);
  assert.equal(violations.length, 3);
  const [poisoned] = violations.filter(({ destination }) => destination === thief.name);
  assert.equal(poisoned?.arguments, 'node postinstall.js');
  assert.deepEqual(poisoned?.ancestry?.slice(-3), ['sh', 'npm install', 'sh']);
  const table = await cluster.kubectl(['get', 'violations', `--namespace=${namespace}`]);
  const line = `install +${PROJECT} +node +block +${thief.address} +${thief.port} +2 `;
  assert.match(table, new RegExp(line.replaceAll('.', '\\.')));
}

function assertRows(rows: readonly EgressEvent[]): void {
  const named = rows.find(({ domain, action }) => domain === thief.name && action === 'block');
  assert.deepEqual(
    [named?.job_name, named?.comm, named?.parent_comm, named?.argv, named?.ip, named?.port],
    ['install', 'node', 'sh', 'node postinstall.js', null, null],
  );
  const allowed = rows.find(({ action }) => action === 'allow');
  assert.deepEqual([allowed?.domain, allowed?.comm], [REGISTRY_NAME, 'npm install']);
}

async function assertMetrics(
  cluster: Cluster,
  violations: readonly ViolationSpec[],
  rows: readonly EgressEvent[],
): Promise<void> {
  const ask = (where: string): string => {
    const { stdout } = cluster.node.run('busybox', ['wget', '-qO-', `http://${where}/metrics`]);
    return stdout;
  };
  const value = (text: string, metric: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${metric} `))
        ?.slice(metric.length),
    );
  const refusals = rows.filter(({ reason }) => reason === 'metadata').length;
  const agent = ask('127.0.0.1:9465');
  assert.equal(value(agent, 'torwacht_rows_total{action="block",reason="metadata"}'), refusals);
  for (const output of ['stdout', 'otlp', 'operator']) {
    const sent = value(agent, `torwacht_output_sent_total{output="${output}"}`);
    assert.ok(sent >= violations.length, `${output}: ${sent}`);
  }
  assert.match(agent, /^# TYPE torwacht_output_dropped_total counter$/m);
  assert.doesNotMatch(agent, /^torwacht_output_dropped_total\{.*\} [1-9]/m);

  const pods = ['pods', ...at, '-l', 'app.kubernetes.io/name=torwacht-operator'];
  const ips = await cluster.kubectl(['get', ...pods, '-o', 'jsonpath={.items[*].status.podIP}']);
  const counted = 'torwacht_violation_attempts_total{fate="counted"}';
  // The replica that leads.
  const [operator = '', ...others] = ips
    .split(' ')
    .map((ip) => ask(`${ip}:9466`))
    .filter((text) => value(text, counted) > 0);
  assert.equal(others.length, 0, ips);
  assert.ok(value(operator, 'torwacht_violations') >= violations.length);
  assert.ok(value(operator, 'torwacht_alerts_sent_total{receiver="slack"}') > 0);
  assert.equal(
    value(operator, counted),
    violations.reduce((sum, { count }) => sum + count, 0),
  );
  for (const fate of ['dropped', 'folded']) {
    assert.equal(value(operator, `torwacht_violation_attempts_total{fate="${fate}"}`), 0, fate);
  }
}

async function assertAlert(receivers: Receivers, namespace: string): Promise<void> {
  const { pathname } = new URL(slack);
  const told = await waitFor('Slack is told', () => {
    const text = receivers.bodies(pathname).join('\n');
    return text.includes(thief.address) && text.includes(thief.name) && text;
  });
  assert.match(
    told,
    new RegExp(
      `project_id=${PROJECT} job_name=install comm=node parent_comm=sh exe=\\S+/node action=block domain=${thief.name.replace('.', '\\.')} count=\\d+ reason=default rule=default namespace=${namespace} `,
    ),
  );
  for (const body of receivers.bodies(pathname)) {
    const { text, blocks } = JSON.parse(body) as { text: string; blocks: readonly object[] };
    assert.ok(text.length > 0 && blocks.length > 1, body);
  }
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}
interface Logs {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly eventName: string;
        readonly severityText: string;
        readonly attributes: readonly Attribute[];
      }[];
    }[];
  }[];
}

async function assertRecord(receivers: Receivers, namespace: string): Promise<void> {
  const record = await waitFor('the collector has it', () =>
    receivers
      .bodies('/v1/logs')
      .flatMap((body) => (JSON.parse(body) as Logs).resourceLogs)
      .flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
      .map((one) => ({ ...one, attributes: valuesOf(one.attributes) }))
      .find(({ attributes }) => attributes['network.peer.address'] === thief.address),
  );
  const { attributes } = record;
  assert.deepEqual([record.eventName, record.severityText], ['torwacht.egress', 'WARN']);
  assert.deepEqual(
    {
      job: attributes['cicd.pipeline.task.name'],
      project: attributes['torwacht.project.id'],
      namespace: attributes['k8s.namespace.name'],
      name: attributes['process.executable.name'],
      port: attributes['network.peer.port'],
      action: attributes['torwacht.action'],
    },
    {
      ...{ job: 'install', project: String(PROJECT), namespace, name: 'node' },
      ...{ port: String(thief.port), action: 'block' },
    },
  );
}

const valuesOf = (attributes: readonly Attribute[]): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]),
  );

/** Through the API server's proxy, as whoever may make a token of torwacht-reader. */
async function assertHistory(cluster: Cluster): Promise<void> {
  const program = join(import.meta.dirname, '../../bin/torwacht');
  const asked = ['suggest', `--project=${PROJECT}`, `--kubeconfig=${cluster.kubeconfig}`];
  const made = await waitFor('the history knows the job', async () => {
    const { stdout } = await promisify(execFile)(program, [...asked, '--without-refused']);
    return stdout;
  });
  assert.match(made, new RegExp(REGISTRY_NAME.replaceAll('.', '\\.')));
  assert.ok(!made.includes(thief.name) && !made.includes(thief.address), made);
}
