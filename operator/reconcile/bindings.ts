/** RunnerBindings: their bundles are built and written, and it is said on how many nodes they are in force. */

import type { TorwachtDocument } from '#api/documents.ts';
import { TorwachtError } from '#api/error.ts';
import { maxBindings } from '#api/node-agent.ts';
import { maxExamples } from '#api/status.ts';
import type { StoredPolicyBundle, StoredRunnerBinding } from '#api/stored.ts';
import { apiVersion } from '#api/version.ts';
import {
  type Client,
  isKubeError,
  type Key,
  placeOf,
  type ReconcileContext,
  type ReconcileResult,
} from '#kube/index.ts';
import { canonical } from '#policy/bundle/content.ts';
import { readPiece } from '#policy/bundle/read.ts';
import { documentTitle } from '#policy/title.ts';
import { type Bundle, build } from '../bundles/build.ts';
import { overlaps } from '../bundles/overlap.ts';
import { INTACT, isLiving } from '../cluster.ts';
import type { Objection } from '../documents/assess.ts';
import { assignedKeys } from '../nodes/assign.ts';
import type { Parts } from '../parts.ts';
import { type Kept, policyBundles, runnerBindings } from '../resources.ts';
import { type BindingState, emptyState, type State } from '../state.ts';
import { fold } from '../status/fold.ts';
import { isSettled, standingOf } from '../status/standing.ts';
import { deleteExactly } from './delete.ts';
import { broughtWith, headName, headOf, policiesOf } from './heads.ts';
import { tell } from './tell.ts';
import { wakeAfterBuild, wakeAll } from './wake.ts';

type Context = ReconcileContext<Kept<StoredRunnerBinding>>;

export function reconcileBinding(parts: Parts) {
  return async (context: Context): Promise<ReconcileResult | undefined> => {
    const { key, object, client } = context;
    const state = parts.stateOf(client);
    if (object === undefined || !isLiving(object)) return remove(parts, state, key, client);
    const known = state.bindings.get(key);
    if (known === undefined || state.stale.has(key)) {
      await rebuild(parts, state, object, client);
    }
    return say(parts, state, context, object);
  };
}

async function remove(parts: Parts, state: State, key: Key, client: Client): Promise<undefined> {
  state.stale.delete(key);
  const head = parts.cluster.bundles.cache.get(headName(key));
  if (head !== undefined) await deleteExactly(client, policyBundles, head);
  const known = state.bindings.get(key);
  state.bindings.delete(key);
  state.named.delete(key);
  state.forget(`RunnerBinding ${key}`);
  if (known !== undefined) wakeAfterBuild(parts, key, known, emptyState());
}

async function rebuild(
  parts: Parts,
  state: State,
  binding: Kept<StoredRunnerBinding>,
  client: Client,
): Promise<void> {
  const key = `${binding.metadata.namespace}/${binding.metadata.name}`;
  const known = state.bindings.get(key);
  const { rollout, agreed, inForce } = known ?? emptyState();
  state.stale.delete(key);
  try {
    let before = inForce?.documents ?? new Map<string, TorwachtDocument>();
    let built = build(binding, parts.cluster, { before, agreed });
    if (inForce === null && built.refused.size > 0) {
      before = await lastGood(parts, key, client);
      built = build(binding, parts.cluster, { before, agreed });
    }
    const { bundle, refused, seen } = built;
    if (bundle !== null) {
      const head = await write(parts, state, key, bundle, client);
      const pieces = bundle.pieces.map(({ digest }) => digest);
      rollout.enter({ ...bundle, pieces }, (title) => isSettled(parts.cluster.find(title)));
      const held = { head, digest: bundle.digest, pieces, documents: bundle.documents };
      settle(parts, state, key, { refused, seen, inForce: held, rollout, agreed });
    } else {
      settle(parts, state, key, { refused, seen, inForce, rollout, agreed });
    }
  } catch (error) {
    state.stale.add(key);
    // What cannot be written now keeps nobody else waiting.
    if (known === undefined) settle(parts, state, key, emptyState());
    throw error;
  } finally {
    state.coming.delete(key);
  }
}

function settle(parts: Parts, state: State, key: Key, next: BindingState): void {
  const known = state.bindings.get(key);
  state.bindings.set(key, next);
  wakeAfterBuild(parts, key, known ?? emptyState(), next);
  if (known === undefined && parts.isComplete) wakeAll(parts);
}

/** Pieces before the head that names them: who reads the head finds them. Gives the spec of the head. */
async function write(
  parts: Parts,
  state: State,
  key: Key,
  bundle: Bundle,
  client: Client,
): Promise<string> {
  const { cache } = parts.cluster.bundles;
  const head = headOf(key, bundle);
  const saying = canonical(head.spec);
  state.coming.set(key, { head: saying, pieces: bundle.pieces.map(({ digest }) => digest) });
  for (const { digest, content } of bundle.pieces) {
    const there = cache.get(digest);
    if (there?.spec.piece?.content === INTACT) continue;
    if (state.outstanding.has(digest, undefined, digest)) continue;
    if (there !== undefined) await deleteExactly(client, policyBundles, there);
    await created(client, digest, content);
    state.outstanding.add(digest, undefined, digest);
  }
  const there = cache.get(head.metadata.name);
  const over = there?.metadata.resourceVersion;
  const isThere = there !== undefined && canonical(there.spec) === saying;
  if (isThere || state.outstanding.has(head.metadata.name, over, saying)) return saying;
  const now = parts.clock.monotonic();
  const before = state.named.get(key) ?? allLongAgo(there?.spec.head?.pieces);
  state.named.set(
    key,
    new Map(bundle.pieces.map(({ digest }) => [digest, before.get(digest) ?? now])),
  );
  const brings = broughtWith(bundle.pieces, before, now);
  const nodes = parts.cluster.nodes.cache.size;
  const spec = { head: { ...head.spec.head, ...(brings.length > 0 && { brings }), nodes } };
  await client.apply(policyBundles, { ...head, spec }, { force: true });
  state.outstanding.add(head.metadata.name, over, saying);
  return saying;
}

function allLongAgo(pieces: readonly string[] = []): ReadonlyMap<string, number> {
  return new Map(pieces.map((digest) => [digest, Number.NEGATIVE_INFINITY]));
}

async function created(client: Client, name: string, content: string): Promise<void> {
  const metadata = { name } as Kept<StoredPolicyBundle>['metadata'];
  try {
    await client.create(policyBundles, {
      apiVersion,
      kind: 'PolicyBundle',
      metadata,
      spec: { piece: { content } },
    });
  } catch (error) {
    if (!isKubeError(error, 'KUBE_ALREADY_EXISTS')) throw error;
  }
}

/** What the head in the API holds, of another process's making; what of it cannot be read is not missed. */
async function lastGood(
  parts: Parts,
  key: Key,
  client: Client,
): Promise<Map<string, TorwachtDocument>> {
  const head = parts.cluster.bundles.cache.get(headName(key))?.spec.head;
  const found = new Map<string, TorwachtDocument>();
  for (const name of head?.pieces ?? []) {
    try {
      const { spec } = await client.get(policyBundles, { name });
      for (const document of readPiece(name, spec.piece?.content ?? '')) {
        found.set(documentTitle(document), document);
      }
    } catch (error) {
      if (!(error instanceof TorwachtError) && !isKubeError(error, 'KUBE_NOT_FOUND')) throw error;
    }
  }
  return found;
}

async function say(
  parts: Parts,
  state: State,
  context: Context,
  object: Kept<StoredRunnerBinding>,
): Promise<ReconcileResult | undefined> {
  const { key } = context;
  const known = state.bindings.get(key);
  if (known === undefined || state.stale.has(key)) return undefined;
  const title = documentTitle(object);
  const folded = fold(parts.views.all(), [key], (_, digest) => known.rollout.holds(digest, title));
  const others = conflictsOf(parts, object);
  const objection = known.refused.get(title) ?? tooMany(parts, key);
  const { inForce } = known;
  const standing = standingOf({
    refused: objection,
    older: inForce !== null,
    bindings: 1,
    folded,
    settled: isSettled(object),
  });
  return tell(parts, runnerBindings, context, object, {
    standing,
    remarks: [{ type: 'Conflicting', objection: conflict(others), otherwise: 'Alone' }],
    fields: {
      nodes: folded.nodes,
      ...(folded.waiting.length === 0 ? {} : { waiting: folded.waiting }),
      ...(inForce === null ? {} : describe(key, inForce)),
      ...(others.length === 0
        ? {}
        : { conflicts: others.slice(0, maxExamples).map((other) => placeOf(other)) }),
      ...exceptions(object),
    },
  });
}

/** For whoever looks at the status, and never at the spec. */
function exceptions({ spec }: StoredRunnerBinding) {
  const found = spec.guard?.exceptions ?? [];
  return found.length === 0 ? {} : { exceptions: found };
}

function describe(key: Key, inForce: NonNullable<BindingState['inForce']>) {
  return {
    bundle: { name: headName(key), digest: inForce.digest },
    policyCount: policiesOf(inForce),
  };
}

function conflictsOf(parts: Parts, object: Kept<StoredRunnerBinding>): readonly Key[] {
  return parts.cluster
    .bindings()
    .filter((other) => other.metadata.uid !== object.metadata.uid && overlaps(object, other))
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
    .sort();
}

function conflict(others: readonly Key[]): Objection | null {
  const [first] = others;
  if (first === undefined) return null;
  const more = others.length === 1 ? '' : ` and ${others.length - 1} more`;
  const message =
    `RunnerBinding ${first}${more} may govern the same pods: there the stricter of two modes holds, and ` +
    'names of jobs count only where all of them trust those. Select other namespaces or pods.';
  return { reason: 'SamePods', message };
}

function tooMany(parts: Parts, key: Key): Objection | undefined {
  if (assignedKeys(parts.cluster.bindings()).has(key)) return undefined;
  const message = `A node holds ${maxBindings} RunnerBindings at most, and older ones come first.`;
  return { reason: 'TooManyBindings', message };
}
