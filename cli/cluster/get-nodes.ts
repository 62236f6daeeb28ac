/** `torwacht get nodes`: what each node's agent says, and what it holds of what it has to. */
import type { Io } from '../policy/io.ts';
import { ifAllowed, withCluster } from './cluster.ts';
import { age, printSentences, printTable } from './format.ts';
import type { GetFlags } from './get-policies.ts';
import { byPlace } from './live.ts';
import { type NodeRow, nodeRow, readyNodes } from './node-row.ts';
import * as resources from './resources.ts';

/** @throws TW_KUBE_* */
export function getNodes(flags: Omit<GetFlags, 'allNamespaces'>, io: Io): Promise<void> {
  return withCluster(flags, async (cluster) => {
    const unread: string[] = [];
    const [agents, bindings, nodes] = await Promise.all([
      cluster.list(resources.agents),
      cluster.list(resources.bindings),
      ifAllowed(cluster.list(resources.nodes), unread),
    ]);
    const known = byPlace(bindings);
    const ready = readyNodes(nodes);
    const rows = agents.map((agent) => nodeRow(agent, known, ready));
    if (flags.json) {
      io.stdout.write(`${JSON.stringify({ nodes: rows, unread }, null, 2)}\n`);
      return;
    }
    if (rows.length === 0) io.stdout.write('No node has an agent.\n');
    printNodes(io, rows);
    printSentences(io, 'note', unread);
  });
}

function printNodes(io: Io, rows: readonly NodeRow[]): void {
  const now = Date.now();
  const count = (value: number | null) => (value === null ? '' : String(value));
  printTable(
    io,
    [
      'NAME',
      'NODE-READY',
      'AGENT-READY',
      'REASON',
      'BINDINGS',
      'PODS',
      'FAILED',
      'VERSION',
      'KERNEL',
      'AGE',
    ],
    rows.map((row) => [
      row.name,
      row.nodeReady === null ? '' : row.nodeReady ? 'True' : 'False',
      row.ready,
      row.behind[0]?.reason ?? row.reason,
      `${row.assigned - row.behind.length}/${row.assigned}`,
      count(row.enforced),
      count(row.failed),
      row.version ?? '',
      row.kernel ?? '',
      age(row.created, now),
    ]),
  );
}
