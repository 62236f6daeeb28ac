/**
 * CIDR rules made ready for a longest prefix match that is complete by itself: every prefix carries the
 * lines of all prefixes that cover it, so the kernel looks up once.
 */
import { contains, formatPrefix, type Prefix } from './cidr.ts';
import { reduce } from './permissions.ts';
import type { CidrEntry, CompiledRule, Permission } from './types.ts';

export interface CidrRule extends Prefix {
  readonly permissions: readonly Permission[];
}

/**
 * Sorted by address, shorter prefixes first. A prefix that would say the same as the one that covers it is
 * left out.
 *
 * @throws TW_POLICY_TOO_MANY_LINES
 */
export function flatten(
  cidrs: readonly CidrRule[],
  rules: readonly CompiledRule[],
): readonly CidrEntry[] {
  const entries: CidrEntry[] = [];
  // Prefixes nest or are disjoint: in sorted order, those that cover the next one form a stack.
  const covering: CidrEntry[] = [];
  for (const own of grouped(cidrs)) {
    while (covering.length > 0 && !holds(covering.at(-1), own)) covering.pop();
    const above = covering.at(-1)?.permissions ?? [];
    const permissions = reduce([...above, ...own.permissions], formatPrefix(own), rules);
    const entry = { address: own.address, length: own.length, permissions };
    covering.push(entry);
    if (!sameLines(permissions, above)) entries.push(entry);
  }
  return entries;
}

function grouped(cidrs: readonly CidrRule[]): readonly CidrRule[] {
  const groups = new Map<number, { address: number; length: number; permissions: Permission[] }>();
  for (const cidr of cidrs) {
    const key = cidr.address * 64 + cidr.length;
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { ...cidr, permissions: [...cidr.permissions] });
    } else {
      for (const line of cidr.permissions) group.permissions.push(line);
    }
  }
  return [...groups.values()].sort((a, b) => a.address - b.address || a.length - b.length);
}

function holds(outer: Prefix | undefined, inner: Prefix): boolean {
  return outer !== undefined && outer.length <= inner.length && contains(outer, inner.address);
}

function sameLines(a: readonly Permission[], b: readonly Permission[]): boolean {
  return (
    a.length === b.length &&
    a.every((line, index) => {
      const other = b[index];
      return (
        other !== undefined &&
        line.action === other.action &&
        line.protocol === other.protocol &&
        line.from === other.from &&
        line.to === other.to &&
        line.rule === other.rule
      );
    })
  );
}
