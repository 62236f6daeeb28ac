/** The chart closed down: NetworkPolicies that somebody enforces, and receivers of a company's own authority. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CHART } from '../chart/helm.ts';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { waitFor } from '../cluster/wait.ts';
import { admits } from './install-api.ts';
import { barrier } from './job.ts';
import { live } from './live.ts';
import { enforceNetworkPolicies } from './network-plugin.ts';
import { imageValues, NAMESPACE, prepare, release, set, waiting } from './release.ts';
import { bad, good, skip } from './scene.ts';

/** Of the internet's side. The company's own authority vouches for the first. */
const siem = { address: '203.0.113.40', port: 8443 };
const strange = { address: '203.0.113.41', port: 8443 };
const at = [`--namespace=${NAMESPACE}`];
const IDLE = ['node', '-e', 'setInterval(() => {}, 60000)'];
const CONNECT = `
  const [host, port] = process.argv.slice(1);
  const socket = require('node:net').connect({ host, port: Number(port), timeout: 5000 });
  const end = (said) => { console.log(said); process.exit(); };
  socket.on('connect', () => end('reached')).on('timeout', () => end('dropped')).on('error', ({ code }) => end(code));
`;

/** What becomes of a connection from a pod. @param pod `namespace/name` */
async function tries(
  { kubectl }: Cluster,
  pod: string,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<string> {
  const [namespace = '', name = ''] = pod.split('/');
  const exec = ['exec', name, `--namespace=${namespace}`, '--', 'node', '-e', CONNECT];
  return (await kubectl([...exec, address, `${port}`])).trim();
}

interface Part {
  readonly pod: string;
  readonly ip: string;
}

/** What it is, from which pod, and where to. */
type Way = readonly [way: string, pod: string, to: typeof siem];
const namesOf = (ways: readonly Way[]): readonly string[] => ways.map(([way]) => way);

async function partOf({ kubectl }: Cluster, part: string): Promise<Part> {
  const selected = ['-l', `app.kubernetes.io/name=torwacht-${part}`];
  const path = 'jsonpath={.items[0].metadata.name} {.items[0].status.podIP}';
  const [name = '', ip = ''] = (
    await kubectl(['get', 'pods', ...at, ...selected, '-o', path])
  ).split(' ');
  return { pod: `${NAMESPACE}/${name}`, ip };
}

test('closed by NetworkPolicies every way of ours is open, and no other', { skip }, async (t) => {
  const cluster = await useCluster();
  const internet = cluster.internet(t);
  await internet.dnsmasq([good, bad]);
  const [ours, unknown] = [siem, strange].map(({ address }) => internet.certificate([address]));
  assert.ok(ours && unknown);
  const listener = { kind: 'https' } as const;
  const receiver = await internet.sink([{ ...listener, ...siem, tls: ours }]);
  const other = await internet.sink([
    { ...listener, ...strange, tls: unknown },
    { kind: 'http', address: bad.address, port: bad.port },
  ]);
  const unable = await enforceNetworkPolicies(t, cluster);
  if (unable !== undefined) return t.skip(unable);

  const url = ({ address, port }: typeof siem, path: string) =>
    `https://${address}:${port}/${path}`;
  const to = [
    { ipBlock: { cidr: `${siem.address}/32` } },
    { ipBlock: { cidr: `${strange.address}/32` } },
  ];
  const values = {
    ...(await imageValues(cluster)),
    'networkPolicy.create': true,
    'networkPolicy.operatorTo': [{ to, ports: [{ port: siem.port, protocol: 'TCP' }] }],
    'networkPolicy.metricsFrom': { team: 'monitoring' },
    'privateCA.configMap': 'company-ca',
    'agent.outputs': [
      ...['stdout', `webhook:${url(siem, 'rows')},name=siem`],
      `webhook:${url(strange, 'rows')},name=strange`,
    ],
  };
  const { must } = release(t, cluster);
  await cluster.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    {
      ...{ apiVersion: 'v1', kind: 'ConfigMap' },
      metadata: { name: 'company-ca', namespace: NAMESPACE },
      data: { 'ca.crt': readFileSync(ours.cert, 'utf8') },
    },
  ]);
  await must('install', 'torwacht', CHART, ...set(values), ...waiting);
  await admits(cluster);
  assert.match(await must('test', 'torwacht', '--logs', '--timeout=120s'), /Agents are ready/);

  // Rows of the agent to the operator and to the receiver; an alert of the operator to the receiver.
  await cluster.image('busybox');
  const jobs = await cluster.namespace(t, 'jobs');
  const route = (name: string, where: typeof siem) => ({ name, url: url(where, 'alerts') });
  await prepare(cluster, jobs, {
    reach: [good],
    spec: { alerts: { webhook: [route('siem', siem), route('strange', strange)] } },
  });
  const job = await live(cluster, jobs, 'job', {
    command: ['sleep', '3600'],
    init: [barrier()],
    container: {
      securityContext: {
        ...{ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    },
  });
  const attempt = `wget -qO /dev/null http://${bad.address}:${bad.port}/ 2>&1 || true`;
  assert.match(await job.exec('sh', '-c', attempt), /not permitted/);
  await waitFor('the attempt is a Violation', async () => {
    const names = await cluster.kubectl(['get', 'violations', `-n=${jobs}`, '-o', 'name']);
    return names.trim() !== '';
  });
  const paths = () => new Set(receiver.log().map(({ path }) => path));
  await waitFor('the receiver has the row and the alert', async () => {
    return paths().has('/rows') && paths().has('/alerts');
  });
  for (const workload of ['daemonset/torwacht-agent', 'deployment/torwacht-operator']) {
    await waitFor(`${workload} does not take the other's certificate`, async () => {
      const all = ['logs', workload, ...at, '--all-pods', '--prefix'];
      return /"reason":"[^"]*SELF_SIGNED[^"]*"|"reason":"[^"]*self-signed/.test(
        await cluster.kubectl(all),
      );
    });
  }
  assert.ok(
    other.log().every(({ event }) => event !== 'request'),
    'nothing was sent to it',
  );

  // The API server's proxy reaches what answers people; it wants a token, and says so.
  const answers = `/api/v1/namespaces/${NAMESPACE}/services/https:torwacht-answers:https/proxy/v1/jobs`;
  await assert.rejects(
    cluster.kubectl(['get', '--raw', answers]),
    /there is no token in x-torwacht-token/,
  );

  const [operator, webhook] = await Promise.all(
    ['operator', 'webhook'].map((of) => partOf(cluster, of)),
  );
  assert.ok(operator && webhook);
  const image = await cluster.image('operator');
  const places = {
    monitoring: await cluster.namespace(t, 'monitoring', { team: 'monitoring' }),
    free: await cluster.namespace(t, 'free'),
  };
  await Promise.all(
    Object.values(places).map((namespace) =>
      live(cluster, namespace, 'asker', { image, command: IDLE }),
    ),
  );
  const metrics = 9466;
  const [monitoring, free] = [`${places.monitoring}/asker`, `${places.free}/asker`];
  const open: readonly Way[] = [
    ['metrics for monitoring', monitoring, { address: operator.ip, port: metrics }],
    ['rows, from anywhere', free, { address: operator.ip, port: 9467 }],
    ['reviews, from anywhere', free, { address: webhook.ip, port: 9443 }],
    ['the receiver', operator.pod, siem],
  ];
  const closed: readonly Way[] = [
    ['metrics for others', free, { address: operator.ip, port: metrics }],
    ['metrics of the webhook for others', free, { address: webhook.ip, port: metrics }],
    ['another place, from the operator', operator.pod, bad],
    ['the receiver, from the webhook', webhook.pod, siem],
  ];
  const reached = async (): Promise<readonly string[]> => {
    const all = [...open, ...closed].map(
      async ([way, pod, to]) => [way, await tries(cluster, pod, to)] as const,
    );
    const became = await Promise.all(all);
    for (const [way, said] of became) assert.match(said, /^(reached|dropped)$/, way);
    return became.filter(([, said]) => said === 'reached').map(([way]) => way);
  };
  assert.deepEqual(await reached(), namesOf(open));
  await cluster.kubectl(['delete', 'networkpolicies', '--all', ...at]);
  await waitFor('the control: without the policies all of it is reached', async () => {
    return (await reached()).length === open.length + closed.length;
  });
});
