/**
 * The cgroups of a cluster: one folder with its id at the root of every hierarchy, so on a hybrid host
 * one among each of the v1 controllers and one in the cgroup2 tree. The kubelet has its pods below it,
 * the programs of the node are in the leaf `node`.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { pause } from '../../lab/execute.ts';
import { errors } from '../errors.ts';

export interface Hierarchy {
  readonly mount: string;
  readonly version: 1 | 2;
}

/** Hierarchies whose own root is mounted; fields of a line as in proc_pid_mountinfo(5). */
export function hierarchies(mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root, mount] = left.split(' ');
    const type = right.split(' ')[0];
    if (root !== '/' || mount === undefined) continue;
    if (type === 'cgroup' || type === 'cgroup2') {
      found.push({ mount, version: type === 'cgroup2' ? 2 : 1 });
    }
  }
  return found;
}

/** The cluster's folder in the cgroup2 tree. @throws TW_CLUSTER_NO_CGROUP2 */
export function cgroup2(id: string): string {
  const unified = hierarchies().find(({ version }) => version === 2);
  if (unified === undefined) throw failure(errors.noCgroup);
  return join(unified.mount, id);
}

/** Returns the leaf for the programs of the node. */
export function createCgroups(id: string): string {
  for (const { mount, version } of hierarchies()) {
    const folder = join(mount, id);
    if (version === 2) delegate(mount);
    mkdirSync(folder, { recursive: true });
    // Without these a v1 cpuset takes no process, and none of the cgroups below it does.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (version === 2 || !existsSync(join(folder, file))) continue;
      writeFileSync(join(folder, file), readFileSync(join(mount, file), 'utf8'));
    }
  }
  const leaf = join(cgroup2(id), 'node');
  mkdirSync(leaf, { recursive: true });
  return leaf;
}

/** Where cgroup2 has controllers, the kubelet wants them below the root. A hybrid host has none. */
function delegate(mount: string): void {
  const controllers = readFileSync(join(mount, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const control = join(mount, 'cgroup.subtree_control');
  const enabled = readFileSync(control, 'utf8').trim().split(' ');
  for (const name of controllers) {
    if (name !== '' && !enabled.includes(name)) writeFileSync(control, `+${name}`);
  }
}

/** Every process below the cluster's cgroups, the pods' included. */
function processes(id: string): Set<number> {
  const pids = new Set<number>();
  for (const { mount } of hierarchies()) {
    for (const folder of tree(join(mount, id))) {
      for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n')) {
        // 0 stands for a process of a pid namespace that cannot be seen from here.
        if (Number(pid) > 0) pids.add(Number(pid));
      }
    }
  }
  return pids;
}

/** Ends them all, and looks again, for a fork may have slipped in between. Bounded: 10 s. */
export function killCgroups(id: string): void {
  for (let waited = 0; waited < 10_000; waited += 20) {
    const pids = processes(id);
    if (pids.size === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended in the meantime.
      }
    }
    pause(20);
  }
}

/** Removes the empty folders, from the leaves up. What cannot be removed is left for `traces`. */
export function removeCgroups(id: string): void {
  for (const { mount } of hierarchies()) {
    for (const folder of tree(join(mount, id)).reverse()) remove(folder);
  }
}

/** The kernel lets go of a cgroup a moment after its last process. */
function remove(folder: string): void {
  for (let turn = 0; turn < 100; turn++) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return;
      pause(20);
    }
  }
}

/** The folder and all below it, parents first; nothing of what is not there, or goes meanwhile. */
export function tree(folder: string): string[] {
  const below = foldersIn(folder);
  if (below === undefined) return [];
  return [folder, ...below.flatMap((name) => tree(join(folder, name)))];
}

function foldersIn(folder: string): readonly string[] | undefined {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}
