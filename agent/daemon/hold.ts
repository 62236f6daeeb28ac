/** A governed sandbox as a target of the engine: its cgroup, its network namespace, its upstream servers. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { EgressEvent } from '#api/event.ts';
import { cgroupPath, levelOf } from '../cgroup/cgroup.ts';
import type { Mount } from '../cgroup/mountinfo.ts';
import type { Engine } from '../engine/engine.ts';
import type { Governed } from '../pods/governed.ts';
import type { HeldPod } from '../pods/pods.ts';
import { createRandom16 } from '../resolver/random.ts';
import { createUpstream, type ServerPool } from '../resolver/upstream.ts';
import type { Sandbox } from '../watch/watcher.ts';

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
    onRow,
  }: {
    readonly sandbox: Sandbox;
    readonly governed: Governed;
    onRow(event: EgressEvent): void;
  },
): Promise<HeldPod> {
  const { identity, policy } = governed;
  const path = cgroupPath(sandbox.cgroup, place.cgroups);
  const id = statSync(path, { bigint: true }).ino;
  return engine.hold({
    cgroup: { path, id, level: levelOf(sandbox.cgroup) },
    netns: { path: `/proc/${sandbox.pid}/ns/net`, own: !sandbox.hostNetwork },
    policy,
    upstream: upstreams.of(policy.upstreams),
    pins: join(place.pins, sandbox.uid),
    labels: {
      target: sandbox.uid,
      namespace: sandbox.namespace,
      pod: sandbox.name,
      project_id: identity.project ?? null,
      job_name: identity.job ?? null,
    },
    onRow,
    outside: (pid) => pid === sandbox.pid,
  });
}
