/**
 * The bundle of a binding: what its pods need, and nothing else. A function of the objects and of what was in
 * force before, which counts where an object is not sound.
 */
import type { ClusterEgressPolicy } from '#api/cluster-egress-policy.ts';
import type { TorwachtDocument } from '#api/documents.ts';
import { maxPieces } from '#api/policy-bundle.ts';
import type {
  StoredClusterEgressPolicy,
  StoredEgressPolicy,
  StoredRunnerBinding,
} from '#api/stored.ts';
import { headDigest } from '#policy/bundle/content.ts';
import { type Piece, split } from '#policy/bundle/split.ts';
import { selectorOfNames, selectsNamespace } from '#policy/namespace-selector.ts';
import { documentTitle } from '#policy/title.ts';
import { assess, type Objection } from '../documents/assess.ts';
import { type Agreed, agree, type Candidate } from './agree.ts';
import { namespacesOf, type World } from './world.ts';

export interface Bundle {
  /** Digest of the head. */
  readonly digest: string;
  readonly pieces: readonly Piece[];
  /** What is in force, by title: the binding, its policies, and cluster policies for its namespaces. */
  readonly documents: ReadonlyMap<string, TorwachtDocument>;
}

export interface Build {
  /** Null where nothing can be in force: the binding was never sound. */
  readonly bundle: Bundle | null;
  /** Objects that are not in force as they stand, by title. */
  readonly refused: ReadonlyMap<string, Objection>;
  /** Every object that was looked at, by title: which one it was. */
  readonly seen: ReadonlyMap<string, string>;
}

/** What is remembered from one build to the next. */
export interface Memory {
  /** What was in force last, by title. */
  readonly before: ReadonlyMap<string, TorwachtDocument>;
  readonly agreed: Agreed;
}

export function build(binding: StoredRunnerBinding, world: World, memory: Memory): Build {
  const refused = new Map<string, Objection>();
  const seen = new Map<string, string>();
  /** As it is where it is sound, else as it was. */
  const current = (object: Looked): TorwachtDocument | null => {
    const title = documentTitle(object);
    seen.set(title, versionOf(object));
    const { document, objection } = assess(object);
    if (objection !== null) refused.set(title, objection);
    return document ?? sameObject(object, memory.before.get(title));
  };

  const governing = current(binding);
  if (governing?.kind !== 'RunnerBinding') return { bundle: null, refused, seen };
  const namespaces = namespacesOf(governing);
  const candidates: Candidate[] = [];
  const add = (document: TorwachtDocument | null): void => {
    if (document === null) return;
    candidates.push({ document, before: memory.before.get(documentTitle(document)) });
  };
  for (const policy of byAge(world.clusterPolicies())) {
    const document = current(policy);
    if (document?.kind === 'ClusterEgressPolicy') add(resolved(document, namespaces, world));
  }
  add(governing);
  for (const namespace of namespaces) {
    for (const policy of byAge(world.policiesIn(namespace))) add(current(policy));
  }
  const agreement = agree(candidates, namespaces, memory.agreed);
  for (const [title, objection] of agreement.refused) refused.set(title, objection);
  return { ...bundleOf(agreement.documents, documentTitle(governing), refused), seen };
}

export type Looked = StoredRunnerBinding | StoredClusterEgressPolicy | StoredEgressPolicy;

/** Tells apart what has the same title. */
export function versionOf({ metadata }: Looked): string {
  return `${metadata.uid} ${metadata.generation}`;
}

/** What was in force of another object of that name says nothing about this one. */
function sameObject(
  { metadata }: Looked,
  before: TorwachtDocument | undefined,
): TorwachtDocument | null {
  return before?.metadata.uid === metadata.uid ? before : null;
}

/** The oldest first: whoever was there before does not give way. */
function byAge<T extends { metadata: { creationTimestamp: string; name: string } }>(
  objects: Iterable<T>,
): readonly T[] {
  const key = ({ metadata }: T) => `${metadata.creationTimestamp} ${metadata.name}`;
  return [...objects].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** With the names of the binding's namespaces that it is about: nodes know no labels. Null for none of them. */
function resolved(
  policy: ClusterEgressPolicy,
  namespaces: readonly string[],
  world: World,
): ClusterEgressPolicy | null {
  const { namespaceSelector, ...spec } = policy.spec;
  if (namespaceSelector === undefined) return policy;
  const selected = namespaces.filter(
    (name) => selectsNamespace(namespaceSelector, name, world.labelsOf(name) ?? {}) === 'yes',
  );
  if (selected.length === 0) return null;
  return { ...policy, spec: { namespaceSelector: selectorOfNames(selected), ...spec } };
}

function bundleOf(
  documents: readonly TorwachtDocument[],
  binding: string,
  refused: Map<string, Objection>,
): Pick<Build, 'bundle' | 'refused'> {
  const pieces = split(documents);
  if (pieces.length > maxPieces) {
    const message = `Its policies need ${pieces.length} pieces, and ${maxPieces} are the most. Give some of its namespaces to another RunnerBinding.`;
    refused.set(binding, { reason: 'PolicyTooLarge', message });
    return { bundle: null, refused };
  }
  const digest = headDigest(pieces.map((piece) => piece.digest));
  const titled = new Map(documents.map((document) => [documentTitle(document), document]));
  return { bundle: { digest, pieces, documents: titled }, refused };
}
