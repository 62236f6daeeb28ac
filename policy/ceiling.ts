/**
 * What a cluster policy lets namespaces allow at most. An allow rule meets a ceiling when policies are
 * compiled: what is left of it is written out as ordinary rules, so that neither the resolver nor the kernel
 * knows that there was one.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { contains, netmask, type Prefix } from './cidr.ts';
import type { CidrRule } from './flatten.ts';
import { meetLines } from './permissions.ts';
import { documentTitle } from './title.ts';
import type { NamePattern, NameRule, Permission } from './types.ts';

/** What the rules of a ceiling say together about one pattern. */
interface Bound {
  readonly permissions: Permission[];
  private: boolean;
}

/** A label and what is below it; the root stands above all top-level names. */
interface Node {
  readonly children: Map<string, Node>;
  readonly bounds: Partial<Record<NamePattern['wildcard'], Bound>>;
}

const newNode = (): Node => ({ children: new Map(), bounds: {} });

export class Ceiling {
  readonly #root = newNode();
  /** Sorted by address, shorter prefixes first. */
  readonly #prefixes: readonly CidrRule[];
  readonly #byPrefix = new Map<number, CidrRule>();

  /** Several rules about the same pattern or prefix open what each of them opens. */
  constructor(names: readonly NameRule[], cidrs: readonly CidrRule[]) {
    for (const rule of names) this.#add(rule);
    for (const { address, length, permissions } of cidrs) {
      const key = prefixKey({ address, length });
      const before = this.#byPrefix.get(key)?.permissions ?? [];
      this.#byPrefix.set(key, { address, length, permissions: [...before, ...permissions] });
    }
    this.#prefixes = [...this.#byPrefix.values()].sort(
      (a, b) => a.address - b.address || a.length - b.length,
    );
  }

  #add({ pattern, private: isPrivate, permissions }: NameRule): void {
    let node = this.#root;
    for (const label of pattern.labels.toReversed()) {
      const next = node.children.get(label) ?? newNode();
      node.children.set(label, next);
      node = next;
    }
    const bound = node.bounds[pattern.wildcard] ?? { permissions: [], private: false };
    node.bounds[pattern.wildcard] = bound;
    bound.permissions.push(...permissions);
    bound.private ||= isPrivate;
  }

  /** What is left of an allow rule for names: nothing, itself, or narrower rules. */
  limitName(rule: NameRule): readonly NameRule[] {
    const left = new Map<string, NameRule>();
    for (const { pattern, bound } of this.#meeting(rule.pattern)) {
      const permissions = meetLines(rule.permissions, bound.permissions);
      if (permissions.length === 0) continue;
      const key = `${pattern.wildcard} ${pattern.labels.join('.')}`;
      const before = left.get(key);
      left.set(key, {
        pattern,
        private: (rule.private && bound.private) || before?.private === true,
        permissions: [...(before?.permissions ?? []), ...permissions],
      });
    }
    return [...left.values()];
  }

  /** The same for one prefix. Of two prefixes one holds the other, or they share nothing. */
  limitPrefix(rule: CidrRule): readonly CidrRule[] {
    const left: CidrRule[] = [];
    const add = (prefix: Prefix, bound: CidrRule): void => {
      const permissions = meetLines(rule.permissions, bound.permissions);
      const { address, length } = prefix;
      if (permissions.length > 0) left.push({ address, length, permissions });
    };
    for (let length = 0; length <= rule.length; length++) {
      const address = (rule.address & netmask(length)) >>> 0;
      const around = this.#byPrefix.get(prefixKey({ address, length }));
      if (around !== undefined) add(rule, around);
    }
    for (let at = this.#firstFrom(rule.address); at < this.#prefixes.length; at++) {
      const inside = this.#prefixes[at];
      if (inside === undefined || !contains(rule, inside.address)) break;
      if (inside.length > rule.length) add(inside, inside);
    }
    return left;
  }

  #firstFrom(address: number): number {
    let low = 0;
    let high = this.#prefixes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#prefixes[middle]?.address ?? 0) < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Bounds that share names with a pattern, each with the pattern of exactly those names. */
  *#meeting(pattern: NamePattern): Generator<{ pattern: NamePattern; bound: Bound }> {
    const { labels, wildcard } = pattern;
    const path = labels.toReversed();
    let node: Node | undefined = this.#root;
    for (const [depth, label] of path.entries()) {
      const { many, one }: Node['bounds'] = node.bounds;
      if (many !== undefined) yield { pattern, bound: many };
      const parent = depth === path.length - 1;
      if (parent && wildcard === 'none' && one !== undefined) yield { pattern, bound: one };
      node = node.children.get(label);
      if (node === undefined) return;
    }
    if (wildcard === 'none') {
      if (node.bounds.none !== undefined) yield { pattern, bound: node.bounds.none };
    } else if (wildcard === 'one') {
      yield* meetingChildren(node, pattern);
    } else {
      yield* meetingBelow(node, labels, true);
    }
  }
}

/** `*.a` against what stands at `a` and one label below it. */
function* meetingChildren(
  { bounds, children }: Node,
  pattern: NamePattern,
): Generator<{ pattern: NamePattern; bound: Bound }> {
  for (const bound of [bounds.one, bounds.many]) {
    if (bound !== undefined) yield { pattern, bound };
  }
  for (const [label, child] of children) {
    const labels = [label, ...pattern.labels];
    const bound = child.bounds.none;
    if (bound !== undefined) yield { pattern: { labels, wildcard: 'none' }, bound };
  }
}

/** `**.a` against everything that stands at `a` and below; `a` itself is not below `a`. */
function* meetingBelow(
  node: Node,
  labels: readonly string[],
  top: boolean,
): Generator<{ pattern: NamePattern; bound: Bound }> {
  for (const wildcard of top ? (['one', 'many'] as const) : (['none', 'one', 'many'] as const)) {
    const bound = node.bounds[wildcard];
    if (bound !== undefined) yield { pattern: { labels, wildcard }, bound };
  }
  for (const [label, child] of node.children) {
    yield* meetingBelow(child, [label, ...labels], false);
  }
}

function prefixKey({ address, length }: Prefix): number {
  return address * 64 + length;
}

/** The same documents, as if nobody had drawn a ceiling but those whose title is kept. */
export function withoutCeilings(
  documents: readonly TorwachtDocument[],
  kept: (title: string) => boolean = () => false,
): readonly TorwachtDocument[] {
  return documents.map((document) => {
    if (document.kind !== 'ClusterEgressPolicy' || kept(documentTitle(document))) return document;
    const { ceiling: _, ...spec } = document.spec;
    return { ...document, spec };
  });
}
