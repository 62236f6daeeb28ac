/** What nearly allows a refused destination, each in a sentence that says what to write or to give. */
import type { TorwachtDocument } from '#api/documents.ts';
import type { EgressPolicy } from '#api/egress-policy.ts';
import { apiVersion } from '#api/version.ts';
import { alwaysDeniedReasons } from './always-denied.ts';
import { withoutCeilings } from './ceiling.ts';
import { contains } from './cidr.ts';
import { closest } from './closest.ts';
import { compile } from './compile.ts';
import { hostText, portText } from './destination.ts';
import { lineText } from './explain-steps.ts';
import { type Judgement, judgeDestination } from './judge-destination.ts';
import { formatName } from './names.ts';
import type { NotSelected } from './not-selected.ts';
import { presets } from './presets.ts';
import type { Question } from './question.ts';
import { matchesName } from './rule-place.ts';
import { documentTitle } from './title.ts';
import type { CompiledPolicy, NamePattern, NameRule } from './types.ts';

/** Sentences that are given at most: the first ones are the nearest. */
const MAX_HINTS = 6;

export function nearMisses(
  question: Question,
  policy: CompiledPolicy,
  judgement: Judgement,
  unselected: readonly NotSelected[],
): readonly string[] {
  if (alwaysDeniedReasons.has(judgement.reason)) return ['No policy can allow this.'];
  if (judgement.reason === 'deny-rule') {
    return ['A deny wins, whatever any policy allows: remove it, or narrow its ports.'];
  }
  const hints = [
    ...belowCeilings(question),
    ...ports(question, policy, judgement),
    ...otherSelectors(question, unselected),
    ...patterns(question, policy),
    ...presetsThatHold(question),
  ];
  const all = hints.length > 0 ? hints : similarName(question, policy);
  return [...new Set(all)].slice(0, MAX_HINTS);
}

/** A policy allows it, and a cluster policy lets no policy of this namespace do so. */
function belowCeilings({ documents, identity, options, destination }: Question): readonly string[] {
  const withCeilings = (kept: (title: string) => boolean) => {
    const policy = compile(withoutCeilings(documents, kept), identity, options);
    return { policy, judged: judgeDestination(policy, destination) };
  };
  if (!documents.some((one) => one.kind === 'ClusterEgressPolicy' && one.spec.ceiling)) return [];
  const { policy, judged } = withCeilings(() => false);
  if (!judged.allowed) return [];
  const rule = policy.rules[judged.rule]?.name ?? '';
  const refusing = documents
    .map(documentTitle)
    .filter((title) => !withCeilings((one) => one === title).judged.allowed);
  return [`${rule} would allow it, but the ceiling of ${refusing.join(' and of ')} does not.`];
}

/** Allowed, but on other ports. */
function ports(
  { destination }: Question,
  policy: CompiledPolicy,
  { name, reason }: Judgement,
): readonly string[] {
  if (reason !== 'port') return [];
  const { host } = destination;
  // Sorted by address, shorter prefixes first: the last that holds it is the longest.
  const lines =
    name?.permissions ??
    policy.cidrs.findLast((entry) => 'address' in host && contains(entry, host.address))
      ?.permissions ??
    [];
  const open = lines.filter(({ action }) => action === 'allow').map(lineText);
  if (open.length === 0) return [];
  return [
    `Its rules allow ${open.join(', ')}, and this is ${portText(destination)}: add it to ports.`,
  ];
}

/** Would a document that is for others allow it? Compiled without its selector, and asked. */
function otherSelectors(question: Question, unselected: readonly NotSelected[]): readonly string[] {
  return unselected.flatMap(({ title, why }) => {
    const document = question.documents.find((one) => documentTitle(one) === title);
    if (document === undefined || document.kind === 'RunnerBinding') return [];
    const { presets: names, allow, deny } = document.spec;
    return allows(question, asPolicy({ presets: names, allow, deny }))
      ? [`${title} would allow it, but is ${why}.`]
      : [];
  });
}

function presetsThatHold(question: Question): readonly string[] {
  return [...presets.values()].flatMap(({ name, rules }) => {
    if (rules.length === 0 || !allows(question, asPolicy({ presets: [name] }))) return [];
    return [`The preset ${name} holds this name: write it under presets.`];
  });
}

function asPolicy(spec: EgressPolicy['spec']): EgressPolicy {
  return { apiVersion, kind: 'EgressPolicy', metadata: { name: 'alone' }, spec };
}

function allows({ identity, options, destination }: Question, document: TorwachtDocument): boolean {
  const alone = compile([document], identity, { ...options, ignoreNamespaces: true });
  return judgeDestination(alone, destination).allowed;
}

/** Names in rules that miss this one by a label. */
function patterns({ destination }: Question, policy: CompiledPolicy): readonly string[] {
  const { host } = destination;
  if (!('name' in host)) return [];
  return policy.names.flatMap((rule) => {
    const isAllow = rule.permissions[0]?.action === 'allow';
    const missed = isAllow && !matchesName(rule, host.name) ? missedBy(rule, host.name) : null;
    return missed === null ? [] : [missed];
  });
}

function missedBy(rule: NameRule, labels: readonly string[]): string | null {
  const { pattern } = rule;
  const as = (wildcard: NamePattern['wildcard']) => ({ ...pattern, wildcard });
  const matches = (wildcard: NamePattern['wildcard']) =>
    matchesName({ ...rule, pattern: as(wildcard) }, labels);
  const base = formatName(as('none'));
  const more = labels.length - pattern.labels.length;
  const name = hostText({ name: labels });
  if (pattern.wildcard !== 'none') {
    if (matches('none'))
      return `${formatName(pattern)} is for names below ${base}: name ${base} itself.`;
    if (!matches('many')) return null;
    return `${formatName(pattern)} is exactly one label more; ${name} has ${more} before ${base}: use ${formatName(as('many'))}.`;
  }
  if (pattern.labels.length < 2 || !matches('many')) return null;
  return `${base} is that name alone: name ${name}${more === 1 ? `, or *.${base}` : `, or **.${base}`}.`;
}

function similarName({ destination }: Question, policy: CompiledPolicy): readonly string[] {
  if (!('name' in destination.host)) return [];
  const known = policy.names
    .filter(({ permissions }) => permissions[0]?.action === 'allow')
    .map(({ pattern }) => formatName(pattern));
  const near = closest(hostText(destination.host), known);
  return near === null ? [] : [`${near} is allowed: is that what was meant?`];
}
