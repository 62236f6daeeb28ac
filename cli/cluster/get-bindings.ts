/** `torwacht get bindings`: who is governed, how strictly, and whether nodes hold it. */
import type { Io } from '../policy/io.ts';
import { withCluster } from './cluster.ts';
import { age, printSentences, printTable } from './format.ts';
import { type GetFlags, whereText } from './get-policies.ts';
import { readBindings } from './live.ts';
import { bindings } from './resources.ts';
import { listed } from './standing.ts';

/** Those that stand in the namespace or govern it. @throws TW_KUBE_* */
export function getBindings(flags: GetFlags, io: Io): Promise<void> {
  return withCluster(flags, async (cluster) => {
    const unread: string[] = [];
    const namespace = flags.allNamespaces ? undefined : cluster.namespace;
    const found =
      namespace === undefined
        ? await cluster.list(bindings)
        : await readBindings(cluster, namespace, unread);
    const rows = found.map((binding) => ({
      ...listed(binding),
      mode: binding.spec.mode,
      modes: binding.spec.modes ?? [],
      governs: binding.spec.selector?.namespaces ?? [binding.metadata.namespace ?? ''],
      policies: binding.status?.policyCount ?? null,
      conflicts: binding.status?.conflicts ?? [],
    }));
    if (flags.json) {
      io.stdout.write(`${JSON.stringify({ bindings: rows, unread }, null, 2)}\n`);
      return;
    }
    if (rows.length === 0) io.stdout.write(`No RunnerBinding ${whereText(namespace)}.\n`);
    const now = Date.now();
    printTable(
      io,
      ['NAMESPACE', 'NAME', 'MODE', 'GOVERNS', 'READY', 'REASON', 'NODES', 'POLICIES', 'AGE'],
      rows.map((row) => [
        row.namespace ?? '',
        row.name,
        row.modes.length === 0 ? row.mode : `${row.mode}, and by project`,
        row.governs.join(','),
        row.ready,
        row.reason,
        row.nodes?.summary ?? '',
        row.policies === null ? '' : String(row.policies),
        age(row.created, now),
      ]),
    );
    const conflicts = rows.flatMap((row) =>
      row.conflicts.map(
        (other) =>
          `${row.title} and RunnerBinding ${other.namespace}/${other.name} govern the same pods: the stricter mode holds.`,
      ),
    );
    printSentences(io, 'note', [...conflicts, ...unread]);
  });
}
