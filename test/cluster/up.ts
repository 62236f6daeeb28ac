/**
 * Brings a cluster up: namespaces, mounts, programs, node Ready, DNS. On a cluster that is up it only
 * says so; what a broken or killed start left is taken away first.
 *
 * @example node test/cluster/up.ts
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { failure } from '#api/error.ts';
import { NETNS_FOLDER, namespaceName } from '../lab/namespaces.ts';
import { get } from './api.ts';
import { errors } from './errors.ts';
import { type ImageName, imageArchive, imageTag } from './images/images.ts';
import { kindCluster, wantsKind } from './kind.ts';
import { KUBECTL, kubectlOn } from './kubectl.ts';
import { loadImage } from './load.ts';
import { locked } from './lock.ts';
import { BUILD, chosenName, type Place, place } from './names.ts';
import { createCgroups } from './node/cgroups.ts';
import { writeKubeconfig, writeSettings } from './node/configure.ts';
import type { Program } from './node/control-plane.ts';
import { handOver } from './node/forward.ts';
import { prepareFolders } from './node/mounts.ts';
import { createNetwork } from './node/network.ts';
import {
  ended,
  keepLogs,
  type Lasting,
  lives,
  onNode,
  runOnNode,
  startHolder,
  startLasting,
} from './node/node.ts';
import { first, second } from './node/programs.ts';
import { ready } from './ready.ts';
import { type ClusterRecord, runningRecord, writeRecord } from './record.ts';
import { remove, traces } from './remove.ts';
import { report } from './report.ts';
import { waitFor } from './wait.ts';

/** In every cluster from its start; others come when a test wants them. */
const IMAGES: readonly ImageName[] = ['pause', 'coredns', 'busybox'];

export interface Up {
  readonly at: Place;
  readonly record: ClusterRecord;
  /** False where it was up already. */
  readonly fresh: boolean;
}

/** @throws TW_CLUSTER_*; what was made by then is removed, the logs are in the message */
export async function up(name: string, say: (line: string) => void = () => undefined): Promise<Up> {
  if (process.getuid?.() !== 0) throw failure(errors.notRoot);
  const at = place(name);
  for (const program of ['kube', 'coredns']) {
    const path = join(BUILD, program);
    if (!existsSync(path)) throw failure(errors.notBuilt, { path });
  }
  return await locked(at.id, async () => {
    const running = runningRecord(at);
    if (running !== undefined && (await answers(at, running.apiPort))) {
      return { at, record: running, fresh: false };
    }
    if (traces(at).length > 0) {
      say('removing what an earlier start left');
      remove(at);
    }
    try {
      return { at, record: await start(at, say), fresh: true };
    } catch (error) {
      keepLogs(at);
      remove(at);
      throw error;
    }
  });
}

/** It may be busy for a while; one that is taken for dead is taken away. */
async function answers(at: Place, port: number): Promise<boolean> {
  try {
    return await waitFor('the cluster is ready', () => ready(at, port), { seconds: 60 });
  } catch {
    return false;
  }
}

async function start(at: Place, say: (line: string) => void): Promise<ClusterRecord> {
  say('images');
  const archives: string[] = [];
  for (const image of IMAGES) archives.push(await imageArchive(image));

  say('namespaces, certificates, settings');
  mkdirSync(at.state, { mode: 0o700 });
  prepareFolders(at);
  writeSettings(at);
  createNetwork(at.id);
  const leaf = createCgroups(at.id);
  const node = await startHolder(at, leaf);

  const run = ({ name, command, args }: Program): Lasting => {
    return startLasting(at, leaf, name, onNode(node, command, args));
  };
  say('etcd, containerd, API server');
  const programs = first.map(run);
  const forward = await startForward(at, leaf);
  programs.push(forward.program);
  const alive = {
    unless: () => {
      const dead = programs.find((program) => !lives(program));
      if (dead !== undefined) throw ended(at, dead);
    },
  };
  writeKubeconfig(at, forward.port);
  await waitFor('containerd answers', () => runOnNode(node, 'ctr', ['version']).code === 0, alive);
  for (const archive of archives) await loadImage(node, archive);
  await waitFor(
    'the API server is ready',
    async () => (await get(at, forward.port, '/readyz')).status === 200,
    alive,
  );

  say('controller manager, scheduler, kubelet, kube-proxy');
  programs.push(...second.map(run));
  const kubectl = kubectlOn(at);
  await kubectl(['apply', '-f', join(import.meta.dirname, 'manifests/coredns.yaml')]);
  await waitFor('the node and its DNS are ready', () => ready(at, forward.port), alive);
  const lasting = ({ name, pid, start }: Lasting): Lasting => ({ name, pid, start });
  const record = {
    node: lasting(node),
    programs: programs.map(lasting),
    apiPort: forward.port,
  };
  writeRecord(at, record);
  return record;
}

async function startForward(at: Place, leaf: string) {
  const netns = `--net=${join(NETNS_FOLDER, namespaceName(at.id, 'host'))}`;
  const program = join(import.meta.dirname, 'node/forward.ts');
  const started = startLasting(
    at,
    leaf,
    'forward',
    ['nsenter', netns, process.execPath, program],
    true,
  );
  try {
    return { program: started, port: await handOver(started.child) };
  } catch (error) {
    throw lives(started) ? error : ended(at, started);
  }
}

function nextSteps(id: string, kubeconfig: string): string {
  return `
The cluster ${id} is up.

  export KUBECONFIG=${kubeconfig}
  export PATH=${dirname(KUBECTL)}:$PATH
  kubectl get pods --all-namespaces
  kubectl run hello --rm -it --restart=Never --image=${imageTag('busybox')} -- sh

`;
}

async function main(): Promise<string> {
  const end = 'When you are done: make cluster-down';
  if (wantsKind()) {
    const { id, kubeconfig } = await kindCluster(chosenName());
    return `${nextSteps(id, kubeconfig)}Its pods reach what your engine lets them. ${end} CLUSTER=kind\n`;
  }
  const started = performance.now();
  const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  const { at } = await up(chosenName(), (line) => {
    process.stdout.write(`${seconds()} s  ${line}\n`);
  });
  return `${nextSteps(at.id, at.kubeconfig)}What a pod sends leads into a network namespace that plays the internet, and nowhere else.
Logs of its programs: ${at.logs}. ${end}\n`;
}

if (import.meta.main) {
  try {
    process.stdout.write(await main());
  } catch (error) {
    report(error);
  }
}
