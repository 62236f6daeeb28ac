/**
 * What a compiled policy opens and closes, for people to read: its rules after ceilings and denies. The
 * verdict itself is made from the same tables by `judge-name.ts` and `verdict.ts`.
 */
import { formatPrefix } from './cidr.ts';
import { alwaysDeniedName } from './judge-name.ts';
import { formatName } from './names.ts';
import { isCovered } from './permissions.ts';
import type { CidrEntry, CompiledPolicy, NamePattern, NameRule, Permission } from './types.ts';

/** One line: a name or prefix, and what one rule says about it. */
export interface Line {
  readonly action: 'allow' | 'deny';
  /** A name, with its wildcard, or a prefix. */
  readonly to: string;
  readonly ports: readonly Pick<Permission, 'protocol' | 'from' | 'to'>[];
  readonly private: boolean;
  /** As in rows: `EgressPolicy ci/web allow[0]`. */
  readonly rule: string;
}

export interface Closed extends Line {
  /** The rule that closes all of it, or why no policy can open it. */
  readonly by: string;
}

export interface InForce {
  /** Denies first, then in the order of the rules. */
  readonly lines: readonly Line[];
  /** Allow lines of which denies leave nothing. */
  readonly closed: readonly Closed[];
}

export function linesInForce(policy: CompiledPolicy): InForce {
  const denies = policy.names.filter(isDeny);
  const names = policy.names.flatMap((rule) => nameLine(policy, rule, denies));
  const closed = names.flatMap(({ line, by }) => (by === null ? [] : [{ ...line, by }]));
  const open = names.filter(({ by }) => by === null);
  const order = ({ rule, line }: Placed) =>
    line.action === 'deny' ? rule : policy.rules.length + rule;
  const placed = [...open, ...policy.cidrs.flatMap((entry) => prefixLines(policy, entry))];
  placed.sort((a, b) => order(a) - order(b));
  return { lines: placed.map(({ line }) => line), closed };
}

interface Placed {
  readonly line: Line;
  readonly rule: number;
}

const isDeny = ({ permissions }: NameRule): boolean => permissions[0]?.action === 'deny';

/** What is left of a rule for names, and who closes it where nothing is. */
function nameLine(
  policy: CompiledPolicy,
  rule: NameRule,
  denies: readonly NameRule[],
): readonly (Placed & { readonly by: string | null })[] {
  const { permissions, pattern } = rule;
  const [first] = permissions;
  if (first === undefined) return [];
  const as = (ports: readonly Permission[], by: string | null) => [
    { line: lineOf(policy, rule, ports), rule: first.rule, by },
  ];
  if (isDeny(rule)) return as(permissions, null);
  const always = alwaysClosed(pattern);
  if (always !== null) return as(permissions, `always denied: ${always}`);
  const shut = denies.filter((one) => covers(one, rule)).flatMap((one) => one.permissions);
  const left = permissions.filter((one) => !isCovered(one, shut));
  if (left.length > 0) return as(left, null);
  return as(permissions, policy.rules[shut[0]?.rule ?? 0]?.name ?? '');
}

function prefixLines(policy: CompiledPolicy, entry: CidrEntry): readonly Placed[] {
  const byRule = Map.groupBy(entry.permissions, ({ rule }) => rule);
  return [...byRule].map(([rule, ports]) => ({
    line: {
      action: ports[0]?.action ?? 'deny',
      to: formatPrefix(entry),
      ports,
      private: false,
      rule: policy.rules[rule]?.name ?? '',
    },
    rule,
  }));
}

function lineOf(policy: CompiledPolicy, rule: NameRule, ports: readonly Permission[]): Line {
  return {
    action: ports[0]?.action ?? 'deny',
    to: formatName(rule.pattern),
    ports,
    private: rule.private,
    rule: policy.rules[ports[0]?.rule ?? 0]?.name ?? '',
  };
}

function alwaysClosed({ wildcard, labels }: NamePattern): string | null {
  return wildcard === 'none' ? alwaysDeniedName(labels.join('.')) : null;
}

/** Does one pattern match every name that the other matches? */
function covers({ pattern: outer }: NameRule, { pattern: inner }: NameRule): boolean {
  const more = inner.labels.length - outer.labels.length;
  const below = more >= 0 && outer.labels.every((label, at) => inner.labels[at + more] === label);
  if (!below) return false;
  const same = more === 0;
  switch (outer.wildcard) {
    case 'none':
      return same && inner.wildcard === 'none';
    case 'one':
      return inner.wildcard === 'none' ? more === 1 : same && inner.wildcard === 'one';
    case 'many':
      return !(same && inner.wildcard === 'none');
  }
}

/** What ceilings keep of what policies would allow: lines that are there without them and not with them. */
export function aboveCeilings(
  withCeilings: CompiledPolicy,
  without: CompiledPolicy,
): readonly Line[] {
  const key = ({ to, rule, ports }: Line) =>
    JSON.stringify([to, rule, ports.map(({ protocol, from, to: last }) => [protocol, from, last])]);
  const left = new Set(allowed(withCeilings).map(key));
  return allowed(without).filter((line) => !left.has(key(line)));
}

function allowed(policy: CompiledPolicy): readonly Line[] {
  const { lines, closed } = linesInForce(policy);
  return [...lines, ...closed].filter(({ action }) => action === 'allow');
}
