/** PolicyBundles that nothing needs any more: heads without a binding, pieces that no head names. */
import type { StoredPolicyBundle } from '#api/stored.ts';
import type { Key, ReconcileContext, ReconcileResult } from '#kube/index.ts';
import { INTACT } from '../cluster.ts';
import type { Parts } from '../parts.ts';
import { type Kept, policyBundles } from '../resources.ts';
import type { State } from '../state.ts';
import type { Views } from '../status/views.ts';
import { deleteExactly } from './delete.ts';
import { bindingOfHead, headName } from './heads.ts';

type Context = ReconcileContext<Kept<StoredPolicyBundle>>;

export function reconcileBundle(parts: Parts) {
  const pieces = new Unnamed(parts);
  return async ({ key, object, client }: Context): Promise<ReconcileResult | undefined> => {
    const state = parts.stateOf(client);
    if (object === undefined) pieces.forget(key);
    if (object === undefined || !parts.isComplete) return undefined;
    const wait = stay(parts, state, pieces, object);
    if (wait === 0) await deleteExactly(client, policyBundles, object);
    return wait === undefined || wait === 0 ? undefined : { requeueAfterMs: wait };
  };
}

/** How long it has to stay yet, ms; undefined for as long as somebody needs it. */
function stay(
  parts: Parts,
  state: State,
  pieces: Unnamed,
  { metadata, spec }: Kept<StoredPolicyBundle>,
): number | undefined {
  if (spec.head !== undefined) return isHeadOfNone(parts, { metadata, spec }) ? 0 : undefined;
  return spec.piece?.content === INTACT ? pieces.wait(state, metadata.name) : 0;
}

/** Pieces that no head names, and since when. */
class Unnamed {
  readonly #parts: Parts;
  readonly #since = new Map<string, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  forget(piece: string): void {
    this.#since.delete(piece);
  }

  /** How long it has to stay, ms; undefined for as long as it is named. */
  wait(state: State, piece: string): number | undefined {
    const { clock, pace, views } = this.#parts;
    if (isNamed(this.#parts, state, piece)) {
      this.forget(piece);
      return undefined;
    }
    const now = clock.monotonic();
    const age = now - (this.#since.get(piece) ?? now);
    this.#since.set(piece, now - age);
    if (age < pace.grace) return pace.grace - age;
    return age < pace.longest && isHeld(views, state, piece) ? pace.look : 0;
  }
}

function isHeadOfNone(
  { cluster }: Parts,
  head: Pick<StoredPolicyBundle, 'metadata' | 'spec'>,
): boolean {
  const binding = bindingOfHead(head) ?? '';
  const name = head.metadata.name;
  return name !== headName(binding) || cluster.runnerBindings.cache.get(binding) === undefined;
}

/** By what was built, or by a head that is still there as it was. */
function isNamed(parts: Parts, state: State, piece: string): boolean {
  if (state.isNamed(piece)) return true;
  for (const { spec } of parts.cluster.bundles.cache.list()) {
    if (spec.head?.pieces.includes(piece)) return true;
  }
  return false;
}

/** Does a node hold a head that names it, or one that nobody remembers? */
function isHeld(views: Views, state: State, piece: string): boolean {
  const holds = (binding: Key, digest: string | undefined): boolean => {
    const known = state.bindings.get(binding);
    if (digest === undefined || known === undefined) return false;
    if (known.inForce?.digest === digest) return false;
    return known.rollout.piecesOf(digest)?.includes(piece) ?? true;
  };
  return views
    .all()
    .some(({ held }) => [...(held ?? [])].some(([binding, { digest }]) => holds(binding, digest)));
}
