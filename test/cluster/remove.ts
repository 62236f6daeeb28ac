/**
 * Takes a cluster away, also one that is half up, or whose maker was killed: it needs to know nothing but
 * the name. Mounts are not among what is removed: they are in a namespace that ends with the processes.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { labName } from '../lab/names.ts';
import { deleteNamespace, NETNS_FOLDER, namespaceName } from '../lab/namespaces.ts';
import { releaseSharedMounts } from '../lab/shared-mounts.ts';
import { errors } from './errors.ts';
import type { Place } from './names.ts';
import { hierarchies, killCgroups, removeCgroups } from './node/cgroups.ts';

/** How often it looks again: what was being started while it began may slip in once or twice. */
const TURNS = 10;

/** Idempotent. @throws TW_CLUSTER_LEFT when something is still there at the end */
export function remove(at: Place): void {
  for (let turn = 0; turn < TURNS; turn++) {
    killCgroups(at.id);
    for (const side of ['host', 'net'] as const) deleteNamespace(namespaceName(at.id, side));
    removeCgroups(at.id);
    for (const folder of [at.state, at.disk]) rmSync(folder, { recursive: true, force: true });
    if (traces(at).length === 0) break;
  }
  releaseSharedMounts(labName(process.pid, '00000000').id);
  const left = traces(at);
  if (left.length > 0) throw failure(errors.left, { name: at.id, what: left.join(', ') });
}

/** Paths of what there is of a cluster: folders, network namespaces, cgroups. */
export function traces(at: Place): string[] {
  const netns = (['host', 'net'] as const).map((side) => namespaceName(at.id, side));
  return [
    at.state,
    at.disk,
    ...netns.map((name) => join(NETNS_FOLDER, name)),
    ...hierarchies().map(({ mount }) => join(mount, at.id)),
  ].filter((path) => existsSync(path));
}
