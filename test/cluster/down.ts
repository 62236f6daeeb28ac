/**
 * Takes the checkout's cluster away, and what killed test runs left of theirs.
 *
 * @example node test/cluster/down.ts
 */

import { deleteKindCluster, wantsKind } from './kind.ts';
import { locked } from './lock.ts';
import { chosenName, place } from './names.ts';
import { remove, traces } from './remove.ts';
import { report } from './report.ts';
import { sweepClusters } from './sweep.ts';

export async function down(name: string): Promise<boolean> {
  const at = place(name);
  return await locked(at.id, async () => {
    const there = traces(at).length > 0;
    remove(at);
    return there;
  });
}

async function main(): Promise<void> {
  const name = chosenName();
  if (wantsKind()) return await deleteKindCluster(name);
  const { id } = place(name);
  const there = await down(name);
  process.stdout.write(there ? `The cluster ${id} is gone.\n` : `There is no cluster ${id}.\n`);
  for (const swept of sweepClusters()) process.stdout.write(`removed ${swept}\n`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    report(error);
  }
}
