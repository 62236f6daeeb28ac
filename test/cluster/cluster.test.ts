/** What a cluster is: a real one, whose pods can reach the internet's side and nothing else. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { type Cluster, useCluster } from './cluster.ts';
import { imageTag } from './images/images.ts';
import { wantsKind } from './kind.ts';
import { tree } from './node/cgroups.ts';
import { waitFor } from './wait.ts';

const kind = wantsKind();
const skip = kind || process.getuid?.() === 0 ? false : 'needs root';
/** Tests of what only a cluster of our own has. */
const skipOwn = kind
  ? 'a cluster made by kind has neither internet’s side nor node to enter'
  : skip;
const noIPv6 = existsSync('/proc/sys/net/ipv6') ? false : 'the kernel has no IPv6';
let cluster: Cluster;

before(async () => {
  if (skip === false) cluster = await useCluster();
});

test('the node is ready, at the version that was built', { skip: skipOwn }, async () => {
  const nodes = await cluster.kubectl(['get', 'nodes', '--no-headers']);
  assert.match(nodes, new RegExp(`^${cluster.node.name} +Ready .* v1\\.34\\.\\d+\\n$`));
});

test('a pod runs after its init container, and its log can be read', { skip }, async (t) => {
  const namespace = await cluster.namespace(t, 'init');
  const share = { name: 'share', mountPath: '/share' };
  const prepare = {
    name: 'prepare',
    image: imageTag('busybox'),
    imagePullPolicy: 'Never',
    command: ['sh', '-c', 'echo prepared > /share/note'],
    volumeMounts: [share],
  };
  const pod = await cluster.runPod(namespace, {
    command: ['sh', '-c', 'cat /share/note; exit 3'],
    init: [prepare],
    container: { volumeMounts: [share] },
    spec: { volumes: [{ name: 'share', emptyDir: {} }] },
  });
  assert.equal(pod.log, 'prepared\n');
  assert.equal(pod.code, 3);
});

test('a pod reaches a Service by its name', { skip }, async (t) => {
  const namespace = await cluster.namespace(t, 'service');
  const labels = { app: 'web' };
  const serve =
    'mkdir -p /tmp/www; echo served > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www';
  const container = {
    name: 'web',
    image: imageTag('busybox'),
    imagePullPolicy: 'Never',
    command: ['sh', '-c', serve],
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
  };
  await cluster.apply([
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace, labels },
      spec: { containers: [container], terminationGracePeriodSeconds: 1 },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ]);
  await cluster.kubectl([
    'wait',
    'pod/web',
    `--namespace=${namespace}`,
    '--for=condition=Ready',
    '--timeout=120s',
  ]);
  // kube-proxy follows the endpoints a moment later.
  const ask = 'for i in $(seq 60); do wget -qO- http://web/ && exit; sleep 0.5; done; exit 1';
  const pod = await cluster.runPod(namespace, { command: ['sh', '-c', ask] });
  assert.match(pod.log, /served\n$/);
  assert.equal(pod.code, 0);
  if (kind) return;
  // So does the API server, which has to reach webhooks.
  const service = ['get', 'service', 'web', `--namespace=${namespace}`];
  const ip = await cluster.kubectl([...service, '-o', 'jsonpath={.spec.clusterIP}']);
  assert.equal(cluster.node.run('busybox', ['wget', '-qO-', `http://${ip}/`]).stdout, 'served\n');
});

test('names of the world are asked of the internet’s side', { skip: skipOwn }, async (t) => {
  const internet = cluster.internet(t);
  const dns = await internet.dnsmasq([{ name: 'good.example.test', address: '192.0.2.20' }]);
  const namespace = await cluster.namespace(t, 'world');
  const image = await cluster.image('debian');
  const pod = await cluster.runPod(namespace, {
    image,
    command: ['dig', '+short', 'good.example.test'],
  });
  assert.equal(pod.log, '192.0.2.20\n');
  assert.ok(dns.queries().some(({ name }) => name === 'good.example.test'));
});

test('what a pod sends arrives on the internet’s side, from its own address', {
  skip: skipOwn,
}, async (t) => {
  const internet = cluster.internet(t);
  const sink = await internet.sink([{ kind: 'http', address: '198.51.100.7', port: 8000 }]);
  const namespace = await cluster.namespace(t, 'out');
  const pod = await cluster.runPod(namespace, {
    command: ['wget', '-qO-', 'http://198.51.100.7:8000/stolen'],
  });
  assert.equal(pod.log, 'ok\n');
  const requests = sink.log().filter(({ event }) => event === 'request');
  assert.equal(requests.length, 1);
  assert.equal(requests[0]?.path, '/stolen');
  assert.ok(requests[0]?.from.startsWith(`${pod.ip}:`), requests[0]?.from);
});

test('IPv6 of a pod arrives there too', { skip: skipOwn || noIPv6 }, async (t) => {
  const internet = cluster.internet(t);
  const sink = await internet.sink([{ kind: 'udp', address: '2001:db8::7', port: 9 }]);
  const namespace = await cluster.namespace(t, 'six');
  const image = await cluster.image('debian');
  const send = 'echo stolen > /dev/udp/2001:db8::7/9';
  await cluster.runPod(namespace, { image, command: ['bash', '-c', send] });
  const received = await sink.waitFor(1);
  assert.equal(received[0]?.body, 'stolen\n');
  assert.match(received[0]?.from ?? '', /^fd00:10:244::/);
});

test('what nobody has asked for is counted there and goes no further', {
  skip: skipOwn,
}, async (t) => {
  const internet = cluster.internet(t);
  const namespace = await cluster.namespace(t, 'nowhere');
  const send = `
    echo one > /dev/udp/198.51.100.99/9
    curl --max-time 1 http://198.51.100.99/ || true
  `;
  const image = await cluster.image('debian');
  await cluster.runPod(namespace, { image, command: ['bash', '-c', send] });
  assert.equal(internet.packetsTo('198.51.100.99', 9), 1);
  assert.ok(internet.packetsTo('198.51.100.99', 80) >= 1);
  const onward = await internet.run('net', 'ip', ['route', 'get', '198.51.100.99']);
  assert.match(onward.stderr, /unreachable/);
});

test('neither the node nor the internet’s side has a link to the host', {
  skip: skipOwn,
}, async (t) => {
  const internet = cluster.internet(t);
  const host = await internet.run('host', 'ip', ['-brief', 'link']);
  const kinds = host.stdout
    .trim()
    .split('\n')
    .map((line) => line.split(/[@ ]/)[0] ?? '');
  // Each pod's veth, whose other end is in the pod; CNI's ptp names them so.
  const other = kinds.filter((name) => !/^(lo|twlab-mark|veth[0-9a-f]{8})$/.test(name));
  assert.deepEqual(other, []);
  const net = await internet.run('net', 'ip', ['-brief', 'link']);
  assert.match(net.stdout, /^lo .*\ntwlab-mark@\S+ .*\n$/);
});

test('a probe in a pod can tell that it is inside', { skip: skipOwn }, async (t) => {
  const namespace = await cluster.namespace(t, 'mark');
  const image = await cluster.image('debian');
  const at = join(import.meta.dirname, '../..');
  const volume = { name: 'checkout', hostPath: { path: at } };
  const code = `import { assertInsideLab } from '/checkout/test/lab/mark.ts'; assertInsideLab();`;
  for (const hostNetwork of [false, true]) {
    const pod = await cluster.runPod(namespace, {
      image,
      command: ['node', '--input-type=module-typescript', '-e', code],
      container: { volumeMounts: [{ name: 'checkout', mountPath: '/checkout', readOnly: true }] },
      spec: { volumes: [volume], hostNetwork },
    });
    assert.equal(pod.log, '');
    assert.equal(pod.code, 0);
  }
});

test('a pod’s processes are in the cgroup2 tree, below the cluster’s cgroup', {
  skip: skipOwn,
}, async (t) => {
  const namespace = await cluster.namespace(t, 'cgroup');
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'sleeper', namespace },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: imageTag('busybox'),
          imagePullPolicy: 'Never',
          command: ['sleep', '600'],
        },
      ],
    },
  });
  const at = [`--namespace=${namespace}`];
  await cluster.kubectl(['wait', 'pod/sleeper', ...at, '--for=condition=Ready', '--timeout=120s']);
  const uid = await cluster.kubectl([
    'get',
    'pod',
    'sleeper',
    ...at,
    '-o',
    'jsonpath={.metadata.uid}',
  ]);
  const comms = await waitFor('the cgroup of the pod', () => {
    const folders = tree(cluster.node.cgroup).filter((folder) => folder.includes(`/pod${uid}/`));
    const pids = folders.flatMap((folder) =>
      readFileSync(join(folder, 'cgroup.procs'), 'utf8').trim().split('\n'),
    );
    return pids.length > 1 && pids.map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
  });
  assert.deepEqual(comms.sort(), ['pause', 'sleep']);
});

test('musl’s resolver finds a name', { skip: skipOwn }, async (t) => {
  const internet = cluster.internet(t);
  await internet.dnsmasq([{ name: 'good.example.test', address: '192.0.2.20' }]);
  const namespace = await cluster.namespace(t, 'musl');
  const image = await cluster.image('musl');
  const pod = await cluster.runPod(namespace, {
    image,
    command: ['resolve', 'good.example.test', 'bad.example.test'],
  });
  assert.match(pod.log, /^good\.example\.test 192\.0\.2\.20\nbad\.example\.test ! .*\n$/);
  assert.equal(pod.code, 1);
});

for (const name of ['operator', 'webhook'] as const) {
  test(`the image of the ${name} runs as nobody, with nothing to write to`, {
    skip: skipOwn,
  }, async (t) => {
    const namespace = await cluster.namespace(t, `image-${name}`);
    const image = await cluster.image(name);
    const program = `/usr/lib/torwacht/torwacht-${name}.mjs`;
    const pod = await cluster.runPod(namespace, {
      image,
      command: ['/usr/bin/node', program, '--help'],
      container: {
        securityContext: {
          runAsNonRoot: true,
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
      },
    });
    assert.match(pod.log, new RegExp(`torwacht-${name}[: ]`));
    assert.equal(pod.code, 0);
  });
}
