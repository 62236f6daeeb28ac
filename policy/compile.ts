/**
 * Compiles documents for one target: selects those that are about it, combines them so that any deny wins,
 * and writes out what the DNS verdict and the kernel read. Pure: equal input gives an equal digest.
 */
import { createHash } from 'node:crypto';
import type { ClusterEgressPolicy } from '#api/cluster-egress-policy.ts';
import type { TorwachtDocument } from '#api/documents.ts';
import type { EgressPolicy } from '#api/egress-policy.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { Ceiling } from './ceiling.ts';
import { flatten } from './flatten.ts';
import { nameIndexOf } from './judge-name.ts';
import { type Answer, selectsNamespace } from './namespace-selector.ts';
import { governs, modeOf, selects } from './select.ts';
import { addAllow, addDeny, addGitlab, addPresets, Tables } from './tables.ts';
import { documentTitle, namespaceOf } from './title.ts';
import type { CompiledPolicy, Identity } from './types.ts';

export interface CompileOptions {
  /** Every document counts, whatever namespace it is in: there is no cluster. */
  readonly ignoreNamespaces?: boolean;
  /** Whoever starts the target names project and job, so an allow may hang on a job name. */
  readonly trustIdentity?: boolean;
}

/**
 * Compiles documents as `loadPolicies` or `checkDocument` gave them. Their order does not matter.
 *
 * @throws TW_POLICY_TOO_MANY_LINES when more port ranges meet in one name or prefix than the kernel reads
 * @throws TW_POLICY_TOO_LARGE when all together have more names or prefixes than a target can hold
 * @throws TW_POLICY_INVALID for a document that was not checked
 */
export function compile(
  documents: readonly TorwachtDocument[],
  identity: Identity,
  options: CompileOptions = {},
): CompiledPolicy {
  const scoped = documentsAbout(documents, identity, options);
  const bindings = scoped
    .map(({ document }) => document)
    .filter((document) => document.kind === 'RunnerBinding');
  const ceilings = scoped.flatMap(({ document }) =>
    document.kind === 'ClusterEgressPolicy' ? ceilingOf(document) : [],
  );
  const trusted = options.trustIdentity === true || trustsJobNames(bindings);

  const tables = new Tables();
  for (const { document, certain } of scoped) {
    if (document.kind === 'RunnerBinding') continue;
    addPolicy(tables, document, {
      allows: certain && mayAllow(document, trusted),
      ceilings: document.kind === 'EgressPolicy' ? ceilings : [],
    });
  }
  for (const binding of bindings) addGitlab(tables, binding);

  const content = {
    mode: modeOf(bindings, identity),
    rules: tables.rules,
    names: tables.names,
    cidrs: flatten(tables.cidrs, tables.rules),
    upstreams: [...new Set(bindings.flatMap(({ spec }) => spec.dns?.upstreams ?? []))],
  };
  const policy: CompiledPolicy = { ...content, digest: digestOf(content) };
  nameIndexOf(policy).checkLines();
  return policy;
}

/** A document that is about a target; not certain where that hangs on labels that nobody here knows. */
export interface Scoped {
  readonly document: TorwachtDocument;
  readonly certain: boolean;
}

/** The documents that `compile` combines for a target, in its order. */
export function documentsAbout(
  documents: readonly TorwachtDocument[],
  identity: Identity,
  options: CompileOptions = {},
): readonly Scoped[] {
  return sorted(documents).flatMap((document) => {
    const scope = scopeOf(document, identity, options);
    return scope === 'no' ? [] : [{ document, certain: scope === 'yes' }];
  });
}

/** Rules of cluster policies come first, so that a row names the final deny where several would refuse. */
function sorted(documents: readonly TorwachtDocument[]): readonly TorwachtDocument[] {
  const titled = documents.map((document) => ({ document, title: documentTitle(document) }));
  titled.sort((a, b) => (a.title < b.title ? -1 : Number(a.title > b.title)));
  return titled.map(({ document }) => document);
}

/** Is a document about the target? `unknown` where that hangs on labels that nobody here knows. */
function scopeOf(
  document: TorwachtDocument,
  identity: Identity,
  { ignoreNamespaces = false }: CompileOptions,
): Answer {
  if (document.kind === 'RunnerBinding') {
    return ignoreNamespaces || governs(document, identity) ? 'yes' : 'no';
  }
  if (!selects(document.spec.selector, identity)) return 'no';
  if (ignoreNamespaces) return 'yes';
  const { namespace, namespaceLabels } = identity;
  if (document.kind === 'ClusterEgressPolicy') {
    return selectsNamespace(document.spec.namespaceSelector, namespace, namespaceLabels);
  }
  return namespaceOf(document) === namespace ? 'yes' : 'no';
}

/** All bindings of the target must believe job names, as with modes: the stricter one wins. */
export function trustsJobNames(bindings: readonly RunnerBinding[]): boolean {
  return bindings.length > 0 && bindings.every(({ spec }) => spec.trust?.jobNames === true);
}

/** The author of a job chooses its name: on that alone nothing may be opened. */
function mayAllow({ spec }: EgressPolicy | ClusterEgressPolicy, trusted: boolean): boolean {
  return spec.selector?.jobs === undefined || trusted;
}

interface Bounds {
  /** Without it only what narrows holds. */
  readonly allows: boolean;
  readonly ceilings: readonly Ceiling[];
}

function addPolicy(
  tables: Tables,
  policy: EgressPolicy | ClusterEgressPolicy,
  { allows, ceilings }: Bounds,
): void {
  const { allow, deny, presets } = policy.spec;
  for (const [index, rule] of (deny ?? []).entries()) {
    addDeny(tables, { document: policy, part: `deny[${index}]` }, rule);
  }
  if (!allows) return;
  for (const [index, rule] of (allow ?? []).entries()) {
    addAllow(tables, { document: policy, part: `allow[${index}]` }, rule, ceilings);
  }
  addPresets(tables, policy, presets, ceilings);
}

/** Its rules open nothing, so they have no place in a row. */
function ceilingOf(document: ClusterEgressPolicy): readonly Ceiling[] {
  const { ceiling } = document.spec;
  if (ceiling === undefined) return [];
  const most = new Tables();
  for (const [index, rule] of (ceiling.allow ?? []).entries()) {
    addAllow(most, { document, part: `ceiling.allow[${index}]` }, rule);
  }
  addPresets(most, document, ceiling.presets);
  return [new Ceiling(most.names, most.cidrs)];
}

/** Objects are built with the same keys in the same order each time, so their JSON is canonical. */
/** Of what is compiled, field by field in its order; a policy that was written down and read again has the same. */
export function digestOf(content: Omit<CompiledPolicy, 'digest'>): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
