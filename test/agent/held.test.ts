/** A pod of a governed namespace is held by the agent; one of another namespace is not touched. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { startAgent } from './agent.ts';
import { binding, policy } from './documents.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
let cluster: Cluster;

before(async () => {
  if (skip === false) cluster = await useCluster();
});

test('a governed pod is refused what nothing allows; its neighbour is not', { skip }, async (t) => {
  const internet = cluster.internet(t);
  const sink = await internet.sink([
    { kind: 'http', address: '198.51.100.7', port: 8000 },
    { kind: 'http', address: '192.0.2.20', port: 8000 },
  ]);
  const free = await cluster.namespace(t, 'free');
  const held = await cluster.namespace(t, 'held');
  const agent = await startAgent(t, cluster, [
    binding(held),
    policy(held, { cidr: ['192.0.2.20/32'], ports: [{ port: 8000 }] }),
  ]);
  const ask =
    'sleep 2; for to in 192.0.2.20 198.51.100.7; do wget -qO- http://$to:8000/$0-$to; done';
  const [out, no] = await Promise.all([
    cluster.runPod(free, { command: ['sh', '-c', ask, 'free'] }),
    cluster.runPod(held, { command: ['sh', '-c', ask, 'held'] }),
  ]);
  assert.equal(out.log, 'ok\nok\n');
  assert.match(no.log, /^ok$/m);
  assert.match(no.log, /Operation not permitted$/m);
  const paths = sink.log().flatMap(({ event, path }) => (event === 'request' ? path : []));
  const through = ['/free-192.0.2.20', '/free-198.51.100.7', '/held-192.0.2.20'];
  assert.deepEqual(paths.sort(), through);
  const row = await agent.untilRow('the row of the refusal', ({ ip }) => ip === '198.51.100.7');
  assert.equal(row.pod, no.name);
  assert.equal(row.action, 'block');
});
