/**
 * A network plugin's judgement of NetworkPolicies on the node, which the plugin of the test cluster (ptp) leaves out:
 * kube-network-policies of SIG Network, asked for the first packet of every connection of a pod.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Cluster } from '../cluster/cluster.ts';
import { addresses, BUILD, NODE_NAME } from '../cluster/names.ts';
import { waitFor } from '../cluster/wait.ts';

const PROGRAM = join(BUILD, 'network-policies');
/** Its number, as Kubernetes' own program has it. */
const QUEUE = '100';
/** It reads pods, namespaces and policies; this one may. */
const KUBECONFIG = '/etc/kubernetes/kube-controller-manager.kubeconfig';
const ask = ['-m', 'conntrack', '--ctstate', 'NEW', '-j', 'NFQUEUE', '--queue-num', QUEUE];

/**
 * Between pods and to elsewhere; to the node (the API server), as if it were another one; from the node to the ports
 * of ours that agents and the API server call. Probes stay: a plugin lets a node reach its own pods.
 */
const rules = [
  ['FORWARD', ...ask],
  ['INPUT', '-s', addresses.pods, ...ask],
  [
    ...['OUTPUT', '-d', addresses.pods, '-p', 'tcp', '-m', 'multiport'],
    ...['--dports', '9443,9467,9468', ...ask],
  ],
];

/** From now on, until the test ends; why not, where this kernel cannot. */
export async function enforceNetworkPolicies(
  t: TestContext,
  { node }: Cluster,
): Promise<string | undefined> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not built. Run: make network-policies`);
  const child = spawn(
    'nsenter',
    [`--target=${node.pid}`, '--mount', '--net', '--', PROGRAM, KUBECONFIG, NODE_NAME],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000);
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  t.after(async () => {
    // Without the one that answers, packets to it would be lost.
    for (const rule of rules) node.run('iptables', ['-D', ...rule]);
    child.kill('SIGTERM');
    await ended;
  });
  await waitFor('it has read what there is', async () => {
    if (child.exitCode !== null) throw new Error(said);
    const queues = node.run('cat', ['/proc/net/netfilter/nfnetlink_queue']).stdout;
    return new RegExp(`^ *${QUEUE} `, 'm').test(queues);
  });
  for (const rule of rules) {
    const { code, stderr } = node.run('iptables', ['-A', ...rule]);
    if (code !== 0) return `iptables cannot hand packets to a program here: ${stderr}`;
  }
  return undefined;
}
