/** `torwacht doctor`: has this host, or a cluster, what enforcement needs? */
import { hostname } from 'node:os';
import { usualSocket } from '#agent/containerd/client.ts';
import { type ClusterFlags, withCluster } from '../cluster/cluster.ts';
import { type Group, report } from '../findings.ts';
import type { Io } from '../policy/io.ts';
import { clusterFindings } from './cluster.ts';
import { readClusterFacts } from './cluster-facts.ts';
import { nodeFindings } from './node.ts';
import { readNodeFacts, type Use } from './node-facts.ts';

/** As commander gives them. */
export interface DoctorFlags extends ClusterFlags {
  readonly cluster?: boolean;
  readonly for?: Use;
  readonly containerd?: string;
  readonly json?: boolean;
}

/** Exit code 0 when no line failed, 1 when one has. @throws TW_KUBE_* */
export async function doctor(flags: DoctorFlags, io: Io): Promise<number> {
  const group = flags.cluster === true ? await ofCluster(flags) : await ofHost(flags);
  return report([group], flags.json === true, io);
}

async function ofHost(flags: DoctorFlags): Promise<Group> {
  const use = flags.for ?? null;
  const facts = await readNodeFacts(flags.containerd ?? usualSocket, use);
  return { title: `host ${hostname()}`, findings: nodeFindings(facts, use) };
}

function ofCluster(flags: DoctorFlags): Promise<Group> {
  return withCluster(flags, async (cluster) => ({
    title: `cluster ${cluster.server}`,
    findings: clusterFindings(await readClusterFacts(cluster)),
  }));
}
