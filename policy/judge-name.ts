/**
 * The verdict on a name that a target asks for: may it be resolved, by which rule, and what may then be
 * done with its addresses.
 */
import { dohProviders, metadataNames } from './always-denied.ts';
import { NameIndex, type NameMatch } from './name-index.ts';
import { parseName, queriedName } from './names.ts';
import { firstMatch, MAX_PORT } from './permissions.ts';
import {
  type CompiledPolicy,
  type NameRule,
  type NameVerdict,
  type Permission,
  protocols,
} from './types.ts';

/** Compiled policies are immutable, so an index lives as long as its policy. */
const indexes = new WeakMap<CompiledPolicy, NameIndex>();

/**
 * Judges a name, given as lower-case dotted text whose labels hold no dots, or as labels. A name with a
 * label that no rule can hold (other bytes than `a-z 0-9 - _`) is denied by default.
 *
 * A name is allowed when at least one port of it is: a deny for some ports leaves it resolvable for the
 * others, and the kernel refuses the denied ones.
 */
export function judgeName(policy: CompiledPolicy, key: string | readonly string[]): NameVerdict {
  const name = queriedName(key);
  if (name === null) return denied('default');
  const always = alwaysDeniedName(name);
  if (always !== null) return denied(always);
  const match = nameIndexOf(policy).match(name);
  if (match === null) return denied('default');
  const allow = match.permissions.find((line) => line.action === 'allow');
  if (allow !== undefined) {
    return {
      allowed: true,
      rule: allow.rule,
      reason: 'allowed',
      private: match.private,
      permissions: match.permissions,
    };
  }
  const deny = denyThatCloses(match);
  return deny === undefined ? denied('default') : denied('deny-rule', deny.rule);
}

/** Why no policy can allow a name, as `queriedName` gives it; null where one can. */
export function alwaysDeniedName(name: string): 'doh' | 'metadata' | null {
  if (dohIndex.match(name) !== null) return 'doh';
  return metadataIndex.match(name) === null ? null : 'metadata';
}

/** The policy's index, built once. */
export function nameIndexOf(policy: CompiledPolicy): NameIndex {
  let index = indexes.get(policy);
  if (index === undefined) {
    index = new NameIndex(policy.names, policy.rules);
    indexes.set(policy, index);
  }
  return index;
}

function denied(reason: Exclude<NameVerdict['reason'], 'allowed'>, rule = 0): NameVerdict {
  return { allowed: false, rule, reason, private: false, permissions: [] };
}

/** The deny that took the last allow away, or one that leaves nothing open whatever is allowed. */
function denyThatCloses(match: NameMatch): Permission | undefined {
  const { allows, permissions } = match;
  if (allows === null) return permissions.find(isWhole);
  return firstMatch(permissions, allows.protocol || protocols.TCP, allows.from) ?? undefined;
}

const whole = { protocol: 0, from: 0, to: MAX_PORT } as const;

function isWhole(line: Permission): boolean {
  return line.protocol === whole.protocol && line.from <= 1 && line.to === whole.to;
}

const dohIndex = listedIndex(dohProviders.flatMap((entry) => entry.names));
const metadataIndex = listedIndex(metadataNames.flatMap((entry) => entry.names));

function listedIndex(names: readonly string[]): NameIndex {
  const listed = names.map((name): NameRule => {
    const pattern = parseName(name);
    if ('message' in pattern) throw new Error(`${name} ${pattern.message}`);
    return { pattern, private: false, permissions: [{ action: 'deny', ...whole, rule: 0 }] };
  });
  return new NameIndex(listed, []);
}
