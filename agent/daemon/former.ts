/** What a pod is held by that an agent before this one held, and that no binding of today's bundle governs. */
import { statSync } from 'node:fs';
import { failure } from '#api/error.ts';
import { cgroupPath, isGone } from '../cgroup/cgroup.ts';
import type { Engine } from '../engine/engine.ts';
import { type Governed, identityOf } from '../pods/governed.ts';
import type { Sandbox } from '../watch/watcher.ts';
import { errors } from './errors.ts';
import type { Place } from './hold.ts';
import type { StoredPolicies } from './stored-policies.ts';

/** Null for one that was never held. @throws TW_AGENT_POLICY_LOST for one whose policy nobody knows any more */
export function formerPolicy(
  sandbox: Sandbox,
  {
    engine,
    place,
    stored,
  }: { engine: Pick<Engine, 'before'>; place: Place; stored: StoredPolicies },
): Governed | null {
  const id = idOf(cgroupPath(sandbox.cgroup, place.cgroups));
  const digest = id === undefined ? undefined : engine.before(id);
  if (digest === undefined) return null;
  const policy = stored.recall(digest);
  if (policy === undefined) throw failure(errors.policyLost, { pod: sandbox.name });
  // Which annotations may be trusted, the bindings said that are gone.
  return { identity: identityOf(sandbox), policy };
}

/** Undefined where the cgroup has gone. */
function idOf(path: string): bigint | undefined {
  try {
    return statSync(path, { bigint: true }).ino;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
