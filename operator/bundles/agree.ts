/**
 * Documents that are each sound may not go together: too many port ranges can meet in one name. Then the ones
 * that were in force stay, and of the others as many are taken as go with them.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { TorwachtError } from '#api/error.ts';
import { sha256 } from '#policy/bundle/content.ts';
import { documentsFor } from '#policy/bundle/merge.ts';
import { textOf } from '#policy/bundle/split.ts';
import { compile } from '#policy/compile.ts';
import { namedIdentities } from '#policy/identities.ts';
import { documentTitle, namespaceOf } from '#policy/title.ts';
import type { Objection } from '../documents/assess.ts';

/** One document that would be in force, and what was until now. */
export interface Candidate {
  readonly document: TorwachtDocument;
  readonly before: TorwachtDocument | undefined;
}

export interface Agreement {
  readonly documents: readonly TorwachtDocument[];
  /** By title. */
  readonly refused: ReadonlyMap<string, Objection>;
}

/** Namespaces whose documents were found to go together, by namespace: what they said. */
export type Agreed = Map<string, string>;

/**
 * @param candidates in the order in which they are to be preferred
 * @param agreed what was found before; kept up to date
 */
export function agree(
  candidates: readonly Candidate[],
  namespaces: readonly string[],
  agreed: Agreed,
): Agreement {
  const wanted = candidates.map(({ document }) => document);
  if (namespaces.every((namespace) => findQuarrel(wanted, namespace, agreed) === null)) {
    return { documents: wanted, refused: new Map() };
  }
  return takeOneByOne(candidates, namespaces);
}

function takeOneByOne(candidates: readonly Candidate[], namespaces: readonly string[]): Agreement {
  const kept = candidates.flatMap(({ before }) => (before === undefined ? [] : [before]));
  const sound = namespaces.every((namespace) => quarrelIn(kept, namespace) === null);
  const taken = new Map(sound ? kept.map((document) => [documentTitle(document), document]) : []);
  const refused = new Map<string, Objection>();
  for (const { document } of candidates) {
    const title = documentTitle(document);
    const before = taken.get(title);
    if (before !== undefined && textOf(before) === textOf(document)) continue;
    const tried = [...new Map(taken).set(title, document).values()];
    const about = document.kind === 'EgressPolicy' ? [namespaceOf(document)] : namespaces;
    const quarrel = about.map((namespace) => quarrelIn(tried, namespace)).find(Boolean);
    if (quarrel) refused.set(title, objectionTo(quarrel));
    else taken.set(title, document);
  }
  return { documents: [...taken.values()], refused };
}

function findQuarrel(
  documents: readonly TorwachtDocument[],
  namespace: string,
  agreed: Agreed,
): TorwachtError | null {
  const about = documentsFor(namespace, [documents]);
  const said = sha256(about.map((document) => digestOf(document)).join());
  if (agreed.get(namespace) === said) return null;
  const quarrel = quarrelIn(about, namespace);
  if (quarrel === null) agreed.set(namespace, said);
  return quarrel;
}

/** Null when documents can be compiled for every target of the namespace that they name. */
function quarrelIn(
  documents: readonly TorwachtDocument[],
  namespace: string,
): TorwachtError | null {
  const about = documentsFor(namespace, [documents]);
  // Every binding counts, whatever labels its pods have: several may govern one pod.
  const everywhere = about.map((document) =>
    document.kind === 'RunnerBinding' ? withoutLabels(document) : document,
  );
  try {
    for (const identity of [{ namespace }, ...namedIdentities(about)]) {
      compile(everywhere, identity, { trustIdentity: true });
    }
    return null;
  } catch (error) {
    if (error instanceof TorwachtError) return error;
    throw error;
  }
}

function withoutLabels(document: Extract<TorwachtDocument, { kind: 'RunnerBinding' }>) {
  const { podLabels: _, ...selector } = document.spec.selector ?? {};
  return { ...document, spec: { ...document.spec, selector } };
}

const digests = new WeakMap<TorwachtDocument, string>();

function digestOf(document: TorwachtDocument): string {
  const known = digests.get(document) ?? sha256(textOf(document));
  digests.set(document, known);
  return known;
}

function objectionTo({ code, message, hint }: TorwachtError): Objection {
  const reason = code === 'TW_POLICY_TOO_MANY_LINES' ? 'TooManyPortRanges' : 'PolicyTooLarge';
  return { reason, message: `${message} ${hint}` };
}
