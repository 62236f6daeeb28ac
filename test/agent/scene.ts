/** What tests of pods share: a governed namespace beside a free one, one agent, one allowed place and one that is not. */
import type { TestContext } from 'node:test';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import type { EndedPod, PodPlan } from '../cluster/pods.ts';
import type { Lab } from '../lab/lab.ts';
import type { Sink } from '../lab/servers/sink.ts';
import { type NodeAgent, startAgent } from './agent.ts';
import { binding, policy } from './documents.ts';
import { barrier } from './job.ts';

/** Allowed by its name, on one port. */
export const good = { name: 'good.example.test', address: '192.0.2.20', port: 8000 } as const;
/** A name and an address that nothing allows. */
export const bad = { name: 'bad.example.test', address: '198.51.100.7', port: 8000 } as const;

export const skip = process.getuid?.() === 0 ? false : 'needs root';

export interface Scene {
  readonly cluster: Cluster;
  readonly internet: Lab;
  readonly agent: NodeAgent;
  /** No binding governs its pods: the control. */
  readonly free: string;
  readonly held: string;
  /** The governed namespace's documents, for edits. */
  readonly documents: readonly object[];
  readonly sink: Sink;
  /** Paths that were asked for at the allowed place and the other, from now on. */
  asked(): () => string[];
  /** The same pod in both namespaces, at once; the governed one has the barrier. */
  both(plan: PodPlan): Promise<{ readonly free: EndedPod; readonly held: EndedPod }>;
}

export async function setScene(t: TestContext): Promise<Scene> {
  const cluster = await useCluster();
  const internet = cluster.internet(t);
  await internet.dnsmasq([good, bad]);
  const sink = await internet.sink(
    [good, bad].map(({ address, port }) => ({ kind: 'http', address, port })),
  );
  const [free, held] = await Promise.all([
    cluster.namespace(t, 'free'),
    cluster.namespace(t, 'held'),
    cluster.image('barrier'),
  ]);
  const documents = [
    binding(held),
    policy(held, { fqdn: [good.name], ports: [{ port: good.port, protocol: 'TCP' }] }),
  ];
  const agent = await startAgent(t, cluster, documents);
  const asked = (): (() => string[]) => {
    const before = sink.log().length;
    return () =>
      sink
        .log()
        .slice(before)
        .flatMap(({ event, path }) => (event === 'request' ? (path ?? '') : []))
        .sort();
  };
  const both = async (plan: PodPlan) => {
    const init = [barrier(), ...(plan.init ?? [])];
    const [one, other] = await Promise.all([
      cluster.runPod(free, plan),
      cluster.runPod(held, { ...plan, init }),
    ]);
    return { free: one, held: other };
  };
  return { cluster, internet, agent, free, held, documents, sink, asked, both };
}

/** A program of this checkout in a pod's container: `args` for it, and what the pod needs for that. */
export const checkout = {
  container: {
    volumeMounts: [{ name: 'checkout', mountPath: '/checkout', readOnly: true }],
  },
  spec: {
    volumes: [{ name: 'checkout', hostPath: { path: new URL('../..', import.meta.url).pathname } }],
  },
} as const;
