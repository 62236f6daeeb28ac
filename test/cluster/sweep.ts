/**
 * Removes clusters whose owner, a test run, has ended without doing so itself.
 *
 * @example node test/cluster/sweep.ts
 */
import { readdirSync, unlinkSync } from 'node:fs';
import { listNamespaces } from '../lab/namespaces.ts';
import { abandoned, PREFIX, place } from './names.ts';
import { hierarchies } from './node/cgroups.ts';
import { remove } from './remove.ts';

/** Idempotent. Returns their ids. @throws TW_CLUSTER_LEFT */
export function sweepClusters(): string[] {
  const locks = readdirSync('/run').filter((entry) => /^twcluster-.*\.lock$/.test(entry));
  for (const lock of locks) {
    if (abandoned(lock.slice(PREFIX.length, -'.lock'.length))) unlinkSync(`/run/${lock}`);
  }
  const folders = ['/run', '/var/tmp', ...hierarchies().map(({ mount }) => mount)];
  const seen = [...folders.flatMap((folder) => readdirSync(folder)), ...listNamespaces()];
  const names = seen
    .filter((entry) => entry.startsWith(PREFIX))
    // A network namespace is called after the cluster and its side.
    .map((entry) => entry.slice(PREFIX.length).replace(/(-host|-net)$/, ''))
    .filter(abandoned);
  const swept = [...new Set(names)].map(place);
  for (const at of swept) remove(at);
  return swept.map(({ id }) => id);
}

if (import.meta.main) {
  for (const id of sweepClusters()) process.stdout.write(`removed ${id}\n`);
}
