/**
 * A real Kubernetes for tests. It attaches to the cluster that `TORWACHT_CLUSTER` names, or to the
 * checkout's own, and brings it up where there is none.
 *
 * @example
 * const cluster = await useCluster();
 * const namespace = await cluster.namespace(t, 'barrier');
 * const pod = await cluster.runPod(namespace, { command: ['sh', '-c', 'echo hello'] });
 * assert.equal(pod.log, 'hello\n');
 */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { failure } from '#api/error.ts';
import type { Outcome } from '../lab/execute.ts';
import { attachLab, type Lab } from '../lab/lab.ts';
import { errors } from './errors.ts';
import { type ImageName, imageArchive, imageTag } from './images/images.ts';
import { kindCluster, wantsKind } from './kind.ts';
import { type Apply, applyWith, type Kubectl, kubectlOn } from './kubectl.ts';
import { loadImage } from './load.ts';
import { chosenName, NODE_NAME, type Place, place } from './names.ts';
import { cgroup2 } from './node/cgroups.ts';
import { runOnNode } from './node/node.ts';
import { type EndedPod, type PodPlan, podManifest, untilEnded } from './pods.ts';
import { type ClusterRecord, runningRecord } from './record.ts';
import { restart } from './restart.ts';
import { up } from './up.ts';

/** The node, as the host sees it. */
export interface ClusterNode {
  readonly name: string;
  /** Of the process that holds its namespaces: `/proc/<pid>/root` is the node's file system. */
  readonly pid: number;
  /** Reached from the host. On the node itself it is /run/containerd/containerd.sock. */
  readonly containerdSocket: string;
  /** The folder of the cgroup2 tree below which the pods are. */
  readonly cgroup: string;
  /** The kubelet's setting: the same as a path within any hierarchy. */
  readonly cgroupRoot: string;
  /** Runs a program in the node's namespaces to its end, at most 20 s. */
  run(command: string, args?: readonly string[]): Outcome;
  /** Kills containerd and starts it again; resolves when it answers. What runs in pods goes on. */
  restartContainerd(): Promise<void>;
}

export interface Cluster {
  readonly id: string;
  /** Good from the host, for any client. */
  readonly kubeconfig: string;
  readonly logs: string;
  readonly node: ClusterNode;
  readonly kubectl: Kubectl;
  readonly apply: Apply;
  /** A new namespace, deleted with all its pods when the test ends. */
  namespace(context: TestContext, word: string, labels?: Record<string, string>): Promise<string>;
  /** Makes an image where needed, loads it, and gives the name for manifests. */
  image(name: ImageName): Promise<string>;
  /** Loads an archive that `buildImage` made. */
  load(archive: string): Promise<void>;
  /** Runs a pod to its end: the image `busybox` unless told. */
  runPod(namespace: string, plan: PodPlan): Promise<EndedPod>;
  /**
   * The internet's side, where servers are started and packets are counted from now on. `host` is the
   * node's network. Closed when the test ends.
   */
  internet(context: TestContext): Lab;
}

/** @throws TW_CLUSTER_* */
export async function useCluster(): Promise<Cluster> {
  if (wantsKind()) return over(await kindCluster(chosenName()));
  const { at, record } = await up(chosenName());
  return over(own(at, record));
}

/** The same, where there must be one already. @throws TW_CLUSTER_DOWN */
export function attachCluster(name: string): Cluster {
  const at = place(name);
  const record = runningRecord(at);
  if (record === undefined) throw failure(errors.down, { name: at.id });
  return over(own(at, record));
}

/** In what clusters differ. */
export type ClusterMeans = Pick<
  Cluster,
  'id' | 'kubeconfig' | 'logs' | 'node' | 'kubectl' | 'load'
> & {
  readonly attachLab: () => Lab;
};

function own(at: Place, record: ClusterRecord): ClusterMeans {
  return {
    id: at.id,
    kubeconfig: at.kubeconfig,
    logs: at.logs,
    node: {
      name: NODE_NAME,
      pid: record.node.pid,
      containerdSocket: join(at.state, 'run/containerd/containerd.sock'),
      cgroup: cgroup2(at.id),
      cgroupRoot: `/${at.id}`,
      run: (command, args = []) => runOnNode(record.node, command, args),
      restartContainerd: () => restart(at, 'containerd', ['ctr', 'version']),
    },
    kubectl: kubectlOn(at),
    load: (archive) => loadImage(record.node, archive),
    attachLab: () => attachLab(at.id),
  };
}

/** In what they are the same. */
function over(means: ClusterMeans): Cluster {
  const { kubectl, load } = means;
  const apply = applyWith(kubectl);
  const loaded = new Map<ImageName, Promise<void>>();
  return {
    id: means.id,
    kubeconfig: means.kubeconfig,
    logs: means.logs,
    kubectl,
    load,
    // Asked for only when it is needed: kind throws.
    get node() {
      return means.node;
    },
    apply,
    namespace: async (context, word, labels = {}) => {
      const name = `${word}-${randomBytes(3).toString('hex')}`;
      context.after(async () => {
        await kubectl(['delete', 'pods', '--all', `--namespace=${name}`, '--now', '--wait=false']);
        await kubectl(['delete', 'namespace', name, '--ignore-not-found', '--wait=false']);
      });
      await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
      return name;
    },
    image: async (name) => {
      const loading = loaded.get(name) ?? imageArchive(name).then(load);
      loaded.set(name, loading);
      await loading;
      return imageTag(name);
    },
    runPod: async (namespace, plan) => {
      const manifest = podManifest(namespace, `pod-${randomBytes(3).toString('hex')}`, plan);
      await apply(manifest);
      return await untilEnded(kubectl, namespace, manifest.metadata.name);
    },
    internet: (context) => {
      const lab = means.attachLab();
      context.after(() => lab.close());
      return lab;
    },
  };
}
