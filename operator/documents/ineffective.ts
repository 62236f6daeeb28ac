/**
 * Parts of a policy that are in force and have no effect: what no policy can allow, what lies above a ceiling,
 * what hangs on the name of a job where nobody trusts it.
 */
import type { ClusterEgressPolicy } from '#api/cluster-egress-policy.ts';
import type { TorwachtDocument } from '#api/documents.ts';
import type { EgressPolicy } from '#api/egress-policy.ts';
import { TorwachtError } from '#api/error.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { compile } from '#policy/compile.ts';
import { judgeName } from '#policy/judge-name.ts';
import { formatName } from '#policy/names.ts';
import { selectorOfNames } from '#policy/namespace-selector.ts';
import { namespaceOf } from '#policy/title.ts';
import type { CompiledPolicy, Identity } from '#policy/types.ts';
import type { Objection } from './assess.ts';

export type Policy = EgressPolicy | ClusterEgressPolicy;

/**
 * The first of these that holds; null when all of the policy has an effect.
 *
 * @param around what else is in force where the policy is: bindings and cluster policies
 */
export function ineffective(policy: Policy, around: readonly TorwachtDocument[]): Objection | null {
  const bindings = around.filter((document) => document.kind === 'RunnerBinding');
  const trust = untrusted(policy, bindings);
  if (trust !== null) return trust;
  try {
    return (
      alwaysDenied(policy) ??
      (policy.kind === 'EgressPolicy' ? aboveCeilings(policy, around) : null)
    );
  } catch (error) {
    // Without its deny rules it may be more than can be compiled; with them it is in force.
    if (error instanceof TorwachtError) return null;
    throw error;
  }
}

function untrusted(policy: Policy, bindings: readonly RunnerBinding[]): Objection | null {
  const { selector, allow = [], presets = [] } = policy.spec;
  if (selector?.jobs === undefined || bindings.length === 0) return null;
  const trusting = (field: 'jobNames' | 'annotations') =>
    bindings.some(({ spec }) => spec.trust?.[field] === true);
  const reason = 'UntrustedSelector';
  if (!trusting('annotations')) {
    const message =
      'spec.selector.jobs matches no job: a job names itself in an annotation, and no RunnerBinding here ' +
      'says that jobs cannot overwrite those. Set trust.annotations there, or select by project.';
    return { reason, message };
  }
  if (trusting('jobNames') || allow.length + presets.length === 0) return null;
  const message =
    'spec.selector.jobs lets this policy narrow and not allow: whoever writes .gitlab-ci.yml chooses the ' +
    'names of jobs. Set trust.jobNames in the RunnerBinding, or select by project.';
  return { reason, message };
}

function alwaysDenied(policy: Policy): Objection | null {
  const { selector: _, deny: __, ...spec } = policy.spec;
  const names = compiled({ ...policy, spec } as Policy, []).names.filter(({ pattern }) => {
    if (pattern.wildcard !== 'none') return false;
    const { reason } = judgeName(NOTHING, pattern.labels);
    return reason === 'doh' || reason === 'metadata';
  });
  if (names.length === 0) return null;
  const listed = listOf(names.map(({ pattern }) => formatName(pattern)));
  const message = `No policy can allow ${listed}: these are public resolvers or metadata services.`;
  return { reason: 'NeverMatches', message };
}

function aboveCeilings(
  policy: EgressPolicy,
  around: readonly TorwachtDocument[],
): Objection | null {
  const { selector: _, deny: __, ...spec } = policy.spec;
  const alone = { ...policy, spec };
  const ceilings = around.flatMap((document) => {
    if (document.kind !== 'ClusterEgressPolicy' || document.spec.ceiling === undefined) return [];
    const { namespaceSelector, ceiling } = document.spec;
    // Who it is about is not asked: for some of them nothing is left.
    const bound = { ceiling, ...(namespaceSelector === undefined ? {} : { namespaceSelector }) };
    return [{ ...document, spec: bound }];
  });
  if (ceilings.length === 0) return null;
  const left = opening(compiled(alone, ceilings));
  const lost = [...opening(compiled(alone, []))].filter((rule) => !left.has(rule));
  if (lost.length === 0) return null;
  const message = `Nothing is left of ${listOf(lost)} below the ceilings of cluster policies.`;
  return { reason: 'AboveCeiling', message };
}

/** What a policy says to whoever it selects. */
function compiled(policy: Policy, others: readonly TorwachtDocument[]): CompiledPolicy {
  const namespace = policy.kind === 'EgressPolicy' ? namespaceOf(policy) : 'default';
  const identity: Identity = { namespace };
  const placed: Policy =
    policy.kind === 'EgressPolicy'
      ? policy
      : { ...policy, spec: { ...policy.spec, namespaceSelector: selectorOfNames([namespace]) } };
  return compile([placed, ...others], identity);
}

const NOTHING = compile([], { namespace: 'default' });

/** Parts of a policy that open something: `allow[0]`, `preset npm`. */
function opening(policy: CompiledPolicy): ReadonlySet<string> {
  const lines = [...policy.names, ...policy.cidrs].flatMap(({ permissions }) => permissions);
  return new Set(lines.map(({ rule }) => partOf(policy.rules[rule]?.name ?? '')));
}

/** @example partOf('EgressPolicy ci/web preset npm') === 'preset npm' */
function partOf(rule: string): string {
  return rule.split(' ').slice(2).join(' ');
}

const MAX_LISTED = 5;

function listOf(words: readonly string[]): string {
  const more = words.length - MAX_LISTED;
  const listed = words.slice(0, MAX_LISTED).join(', ');
  return more > 0 ? `${listed} and ${more} more` : listed;
}
