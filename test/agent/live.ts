/** Pods that run until a test deletes them, and their processes and cgroups as the host sees them. */
import { readFileSync } from 'node:fs';
import type { Cluster } from '../cluster/cluster.ts';
import { tree } from '../cluster/node/cgroups.ts';
import { type PodPlan, podManifest } from '../cluster/pods.ts';

export interface LivePod {
  readonly uid: string;
  /** Of its processes, by their names. */
  pids(comm: string): readonly number[];
  /** Folders of the cgroup2 tree, the pod's own first. */
  cgroups(): readonly string[];
  exec(...command: string[]): Promise<string>;
  log(tail: number): Promise<string>;
  delete(): Promise<void>;
}

/** A pod that runs until it is deleted; it is running when this resolves. */
export async function live(
  cluster: Cluster,
  namespace: string,
  name: string,
  plan: PodPlan,
): Promise<LivePod> {
  const at = [`--namespace=${namespace}`];
  await cluster.apply(podManifest(namespace, name, plan));
  await cluster.kubectl(['wait', `pod/${name}`, ...at, '--for=condition=Ready', '--timeout=120s']);
  const uid = await cluster.kubectl(['get', 'pod', name, ...at, '-o', 'jsonpath={.metadata.uid}']);
  const cgroups = (): string[] =>
    tree(cluster.node.cgroup).filter((folder) => folder.includes(`/pod${uid}`));
  return {
    uid,
    cgroups,
    pids: (comm) =>
      cgroups()
        .flatMap((folder) => readFileSync(`${folder}/cgroup.procs`, 'utf8').trim().split('\n'))
        .map(Number)
        .filter((pid) => pid > 0)
        .filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === comm),
    exec: (...command) => cluster.kubectl(['exec', name, ...at, '--', ...command]),
    log: (tail) => cluster.kubectl(['logs', name, ...at, `--tail=${tail}`]),
    delete: async () => {
      await cluster.kubectl(['delete', 'pod', name, ...at, '--now', '--wait=false']);
    },
  };
}
