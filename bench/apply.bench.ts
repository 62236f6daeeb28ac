/**
 * From the request that changes an EgressPolicy to the first packet of a running job that is judged by it: API
 * server, operator, agent and kernel, as config/default installs them on a real node.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient, fromKubeconfig, type KubeObject, resource } from '#kube/index.ts';
import { binding, policy } from '../test/agent/documents.ts';
import { installApi } from '../test/agent/install-api.ts';
import { type LivePod, live } from '../test/agent/live.ts';
import { useCluster } from '../test/cluster/cluster.ts';
import { BUILD } from '../test/cluster/names.ts';
import { PATH } from '../test/lab/execute.ts';
import { type Figure, figure } from './figure.ts';
import { quantile, spread } from './statistics.ts';

const EDITS = 100;
const WARM_UP = 6;
/** Between two edits at random, so that no timer of ours falls in step, ms. */
const APART = 400;
/** An edit that is not in force by then never will be, ms. */
const LIMIT = 30_000;
const place = { address: '198.51.100.7', port: 9 } as const;

export function skip(): string | undefined {
  const built = ['kube', 'coredns'].every((name) => existsSync(join(BUILD, name)));
  if (!built) return 'the programs of the test cluster are not built (make cluster)';
  return process.getuid?.() === 0 ? undefined : 'a cluster needs root';
}

const policies = resource<KubeObject & { spec?: unknown }>({
  group: 'torwacht.io',
  version: 'v1alpha1',
  kind: 'EgressPolicy',
  plural: 'egresspolicies',
  namespaced: true,
});

export async function run(): Promise<readonly Figure[]> {
  const undo: (() => Promise<void> | void)[] = [];
  const stack = { after: (done: () => Promise<void> | void) => void undo.push(done) };
  try {
    const cluster = await useCluster();
    const internet = cluster.internet(stack as never);
    internet.addAddress(place.address);
    const namespace = await cluster.namespace(stack as never, 'bench');
    await installApi(stack as never, cluster);
    await cluster.apply(binding(namespace));
    const at = `--namespace=${namespace}`;
    const wait = ['wait', 'runnerbinding/runners', at, '--for=condition=Ready', '--timeout=60s'];
    await cluster.kubectl(wait);
    const pod = await live(cluster, namespace, 'job', { command: ['sleep', '3600'] });
    const asker = new Asker(pod);
    stack.after(() => asker.close());
    const connection = fromKubeconfig({ path: cluster.kubeconfig });
    const client = createClient(connection, { fieldManager: 'torwacht-bench' });
    stack.after(() => client.close());
    const edit = async (open: boolean): Promise<number> => {
      const rule = {
        cidr: [`${place.address}/32`],
        ports: [{ port: place.port, protocol: 'UDP' as const }],
      };
      const object = policy(namespace, ...(open ? [rule] : [])) as never;
      const answer = asker.until(open);
      const began = performance.timeOrigin + performance.now();
      await client.apply(policies, object, { force: true });
      return (await answer) - began;
    };
    return await measure(edit);
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

async function measure(edit: (open: boolean) => Promise<number>): Promise<readonly Figure[]> {
  const took: number[] = [];
  for (let turn = -WARM_UP; turn < EDITS; turn++) {
    const ms = await edit(turn % 2 === 0);
    if (turn >= 0) took.push(ms);
    await pause(APART * Math.random());
  }
  const at = (share: number, limit: number): Figure =>
    figure({
      name: `apply: an edit of a policy to its first packet, p${share * 100} of ${EDITS}`,
      unit: 'ms',
      value: quantile(took, share),
      spread: spread(took),
      target: { bound: 'at most', limit },
    });
  return [at(0.5, 500), at(0.99, 1500)];
}

/** A process of the pod's that asks the kernel all the time. */
class Asker {
  readonly #child: ChildProcess;
  #allowed: boolean | undefined;
  #told: ((at: number, allowed: boolean) => void) | undefined;

  constructor(pod: LivePod) {
    const [pid] = pod.pids('sleep');
    const enter = 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"';
    const asker = [process.execPath, join(import.meta.dirname, 'udp-asker.ts')];
    const line = ['nsenter', `--net=/proc/${pid}/ns/net`, ...asker, place.address, `${place.port}`];
    this.#child = spawn('sh', ['-ec', enter, 'sh', pod.cgroups().at(-1) ?? '', ...line], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH },
    });
    createInterface({ input: this.#child.stdout ?? process.stdin }).on('line', (text) => {
      const { at, allowed } = JSON.parse(text) as { at: number; allowed: boolean };
      this.#allowed = allowed;
      this.#told?.(at, allowed);
    });
  }

  /** When the answer becomes this one, wall time in ms. */
  until(wanted: boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#allowed === wanted) return resolve(Number.NaN);
      const late = setTimeout(() => reject(new Error('The edit was never in force.')), LIMIT);
      this.#told = (at, allowed) => {
        if (allowed !== wanted) return;
        clearTimeout(late);
        resolve(at);
      };
    });
  }

  close(): void {
    this.#child.kill();
  }
}
