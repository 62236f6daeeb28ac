/** A governed sandbox as a target of the engine: its cgroup, its network namespace, its upstream servers. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EgressEvent } from '#api/event.ts';
import { cgroupPath, isGone, levelOf } from '../cgroup/cgroup.ts';
import type { Mount } from '../cgroup/mountinfo.ts';
import type { Engine } from '../engine/engine.ts';
import type { Part, Told, ToldRow } from '../evidence/told-row.ts';
import type { Governed } from '../pods/governed.ts';
import type { HeldPod } from '../pods/pods.ts';
import { createRandom16 } from '../resolver/random.ts';
import { createUpstream, type ServerPool } from '../resolver/upstream.ts';
import type { ContainerNaming, Sandbox } from '../watch/watcher.ts';
import { preparePins } from './pod-pins.ts';
import type { StoredPolicies } from './stored-policies.ts';

export interface Place {
  /** Where the cgroup2 tree is mounted. */
  readonly cgroups: Pick<Mount, 'root' | 'path'>;
  /** Folder of pins, one folder a pod in it. */
  readonly pins: string;
}

/** Servers by the list that names them: pods of one policy share them. */
export class Upstreams {
  readonly #fallback: readonly string[];
  readonly #pools = new Map<string, ServerPool>();

  constructor(fallback: readonly string[]) {
    this.#fallback = fallback;
  }

  of(wanted: readonly string[]): ServerPool {
    const servers = wanted.length > 0 ? wanted : this.#fallback;
    const key = servers.join(' ');
    const known = this.#pools.get(key);
    if (known) return known;
    const options = { servers, clock: () => performance.now(), random: createRandom16() };
    const pool = createUpstream(options);
    this.#pools.set(key, pool);
    return pool;
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close();
  }
}

export async function holdSandbox(
  engine: Engine,
  upstreams: Upstreams,
  place: Place,
  {
    sandbox,
    governed,
    naming,
    stored,
    told,
    onRow,
    onCount,
  }: {
    readonly sandbox: Sandbox;
    readonly governed: Governed;
    readonly naming: ContainerNaming;
    readonly stored: StoredPolicies;
    /** What outputs have of rows, where that is kept. */
    readonly told?: Told | undefined;
    onRow(event: EgressEvent, parts: readonly Part[]): void;
    /** A row that was told with a smaller count. */
    onCount(row: ToldRow): void;
  },
): Promise<HeldPod> {
  const { identity, policy, jobUrl } = governed;
  const path = cgroupPath(sandbox.cgroup, place.cgroups);
  const id = statSync(path, { bigint: true }).ino;
  let shim = parentOf(sandbox.pid);
  const pins = pinsOf(place, sandbox);
  preparePins(pins, sandbox.cgroup);
  stored.keep(policy);
  const held = await engine.hold({
    former: stored.recall(engine.before(id) ?? ''),
    cgroup: { path, id, level: levelOf(sandbox.cgroup) },
    netns: { path: sandbox.netns, own: !sandbox.hostNetwork },
    policy,
    upstream: upstreams.of(policy.upstreams),
    pins,
    labels: {
      target: sandbox.uid,
      namespace: sandbox.namespace,
      pod: sandbox.name,
      project_id: identity.project ?? null,
      job_name: identity.job ?? null,
      job_url: jobUrl ?? null,
    },
    searches: sandbox.searches,
    ...(told && { told }),
    onRow,
    outside: (pid) => pid === shim,
    partName: (cgroup) => naming.containerName(cgroup),
  });
  return {
    setPolicy(next) {
      stored.keep(next);
      held.setPolicy(next);
    },
    runs(pid) {
      shim = parentOf(pid);
    },
    count() {
      for (const row of held.rows.grown()) onCount(row);
    },
    async end() {
      for (const row of await held.end()) if (row.event.added !== 0) onCount(row);
    },
  };
}

/** Folder of a pod's links. */
export function pinsOf(place: Pick<Place, 'pins'>, { uid }: Pick<Sandbox, 'uid'>): string {
  return join(place.pins, uid);
}

/**
 * Of a sandbox's process, and of all its containers': what the runtime left on the node to look after them. Undefined
 * where it has none yet, or none any more.
 */
function parentOf(pid: number | null): number | undefined {
  if (pid === null) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold anything; the state and then the parent follow it (proc_pid_stat(5)).
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
