/** Rules that change nothing, because another rule of the same policy says as much already. */
import type { AllowRule, DenyRule, Port } from '#api/rule.ts';
import { contains, parsePrefix } from '#policy/cidr.ts';
import { parseName } from '#policy/names.ts';
import type { NamePattern } from '#policy/types.ts';

interface Rules {
  readonly allow?: readonly AllowRule[] | undefined;
  readonly deny?: readonly DenyRule[] | undefined;
}

interface Shadow {
  /** Index in `allow`. */
  readonly rule: number;
  /** `deny[0]` or `allow[2]`. */
  readonly by: string;
}

/** Each rule once, a deny before another allow. */
export function shadowed({ allow = [], deny = [] }: Rules): readonly Shadow[] {
  return allow.flatMap((rule, index) => {
    const denied = deny.findIndex((other) => covers(other, rule));
    if (denied >= 0) return [{ rule: index, by: `deny[${denied}]` }];
    const allowed = allow.findIndex(
      (other, at) => at !== index && covers(other, rule) && (at < index || !covers(rule, other)),
    );
    const same = allowed >= 0 && allow[allowed]?.private === rule.private;
    return same ? [{ rule: index, by: `allow[${allowed}]` }] : [];
  });
}

function covers(wide: AllowRule | DenyRule, narrow: AllowRule): boolean {
  return coversPorts(wide.ports, narrow.ports) && coversPlaces(wide, narrow);
}

function coversPorts(wide: readonly Port[] | undefined, narrow: readonly Port[]): boolean {
  if (wide === undefined) return true;
  return narrow.every(({ port, endPort = port, protocol }) =>
    wide.some(
      (range) =>
        range.protocol === protocol &&
        range.port <= port &&
        endPort <= (range.endPort ?? range.port),
    ),
  );
}

function coversPlaces(wide: AllowRule | DenyRule, narrow: AllowRule): boolean {
  if (narrow.fqdn !== undefined) {
    return narrow.fqdn.every((name) => (wide.fqdn ?? []).some((other) => coversName(other, name)));
  }
  return (narrow.cidr ?? []).every((prefix) =>
    (wide.cidr ?? []).some((other) => coversPrefix(other, prefix)),
  );
}

function coversPrefix(wide: string, narrow: string): boolean {
  const [one, other] = [parsePrefix(wide), parsePrefix(narrow)];
  if ('message' in one || 'message' in other) return false;
  return one.length <= other.length && contains(one, other.address);
}

/** Every name that `narrow` matches, `wide` matches too. */
export function coversName(wide: string, narrow: string): boolean {
  const [one, other] = [parseName(wide), parseName(narrow)];
  if ('message' in one || 'message' in other) return false;
  return coversPattern(one, other);
}

function coversPattern(wide: NamePattern, narrow: NamePattern): boolean {
  const more = narrow.labels.length - wide.labels.length;
  if (
    more < 0 ||
    !narrow.labels.slice(more).every((label, index) => label === wide.labels[index])
  ) {
    return false;
  }
  if (wide.wildcard === 'many') return more > 0 || narrow.wildcard !== 'none';
  if (narrow.wildcard === 'many') return false;
  const length = more + (narrow.wildcard === 'one' ? 1 : 0);
  return length === (wide.wildcard === 'one' ? 1 : 0);
}
