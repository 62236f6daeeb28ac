/** A fleet of two nodes and a node that is down: one binding, policies, a ceiling, a final deny, two pods. */
import { digest, ready, type World } from './world.ts';

export const inForce = {
  conditions: [ready('True', 'InForce', 'In force on 2 nodes.')],
  nodes: { ready: 2, total: 2, notReady: 1, summary: '2/2' },
};

export const held = { namespace: 'ci', name: 'runners', digest: digest('a') };

/** All of it is in force on all nodes. */
export async function setUp(world: World): Promise<void> {
  const { write, tell } = world;
  await write('ClusterEgressPolicy', 'floor', {
    deny: [{ fqdn: ['**.evil.example'] }],
    ceiling: {
      presets: ['npm'],
      allow: [{ fqdn: ['**.example.com', '**.evil.example', 'dns.google'] }],
    },
  });
  await write('ClusterEgressPolicy', 'elsewhere', {
    namespaceSelector: { matchLabels: { team: 'b' } },
    deny: [{ fqdn: ['api.example.com'] }],
  });
  await write('EgressPolicy', 'web', {
    selector: { projects: ['4711'] },
    presets: ['npm'],
    allow: [
      { fqdn: ['api.example.com', 'c2.evil.example', 'mirror.example.org'] },
      { fqdn: ['dns.google'] },
    ],
  });
  await write('EgressPolicy', 'build', {
    selector: { jobs: ['build*'] },
    allow: [{ fqdn: ['build.example.com'] }],
    deny: [{ fqdn: ['not-in-build.example.com'] }],
  });
  await write('EgressPolicy', 'foreign', { allow: [{ fqdn: ['x.example.com'] }] }, 'other');
  await write('RunnerBinding', 'runners', {
    runners: [{ serviceAccount: 'gitlab-runner', namespace: 'gitlab-runner' }],
    selector: { podLabels: { role: 'job' } },
    mode: 'Block',
    gitlab: { url: 'https://gitlab.example.net' },
    trust: { annotations: true },
  });
  for (const name of ['floor', 'elsewhere']) {
    await tell('ClusterEgressPolicy', name, { ...inForce, bindingCount: 1 });
  }
  for (const name of ['web', 'build']) {
    await tell('EgressPolicy', name, { ...inForce, bindingCount: 1 });
  }
  await tellBinding(world, inForce);
  await nodes(world);
  await pods(world);
}

export function tellBinding(world: World, status: object): Promise<void> {
  const bundle = { name: 'ci.runners', digest: held.digest };
  return world.tell('RunnerBinding', 'runners', { bundle, policyCount: 4, ...status });
}

/** node-3 is down, and holds nothing. */
async function nodes({ api, write, tell }: World): Promise<void> {
  for (const name of ['node-1', 'node-2', 'node-3']) {
    await api.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
    const status = name === 'node-3' ? 'Unknown' : 'True';
    const reply = await api.request({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}/status`,
      type: 'application/merge-patch+json',
      body: { status: { conditions: [{ type: 'Ready', status }] } },
    });
    if (reply.status !== 200) throw new Error(reply.body);
    await write('NodeAgent', name, {
      bindings: [{ namespace: 'ci', name: 'runners', bundle: 'ci.runners' }],
    });
    if (name !== 'node-3') await tell('NodeAgent', name, agentStatus([held]));
  }
}

export function agentStatus(bindings: readonly object[], rest: object = {}) {
  return {
    conditions: [ready('True', 'Holding', 'Pods can be held.')],
    version: '0.1.0',
    kernel: '6.12.0',
    bindings,
    pods: { enforced: 3, failed: 0 },
    ...rest,
  };
}

async function pods({ api }: World): Promise<void> {
  const pod = (name: string, metadata: object) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ci', ...metadata },
    spec: { nodeName: 'node-1', containers: [{ name: 'build', image: 'busybox' }] },
  });
  const labels = { role: 'job', 'project.runner.gitlab.com/id': '4711' };
  const annotations = { 'job.runner.gitlab.com/name': 'build:web' };
  await api.apply([
    pod('job', { labels, annotations }),
    pod('free', {}),
    pod('bare', { labels: { role: 'job' } }),
  ]);
}
