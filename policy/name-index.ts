/**
 * Finds the rules that match a name without looking at the others: by the whole name, by its parent, and
 * by each of its suffixes that is no longer than the longest pattern. What a look-up costs depends on the
 * labels of the name, not on the number of rules, and a name of a hundred labels costs little more.
 */
import { formatName } from './names.ts';
import { reduce } from './permissions.ts';
import type { CompiledRule, NamePattern, NameRule, Permission } from './types.ts';

/** Everything that the rules of one pattern say together. */
interface NameEntry {
  readonly pattern: NamePattern;
  permissions: readonly Permission[];
  private: boolean;
  /** Some allow line, even one that was dropped because a deny covers it; null when there is none. */
  allows: Permission | null;
}

export interface NameMatch {
  readonly permissions: readonly Permission[];
  readonly private: boolean;
  readonly allows: Permission | null;
}

export class NameIndex {
  readonly #rules: readonly CompiledRule[];
  /** Keys are labels joined by dots; labels in here never hold one. */
  readonly #entries: Readonly<Record<NamePattern['wildcard'], Map<string, NameEntry>>> = {
    none: new Map(),
    one: new Map(),
    many: new Map(),
  };
  /** Labels of the longest `**.` pattern. */
  #deepest = 0;

  /** @throws TW_POLICY_TOO_MANY_LINES when the rules of one pattern have too many lines together */
  constructor(names: readonly NameRule[], rules: readonly CompiledRule[]) {
    this.#rules = rules;
    const lines = new Map<NameEntry, Permission[]>();
    for (const name of names) {
      const entry = this.#entry(name.pattern);
      const collected = lines.get(entry) ?? [];
      lines.set(entry, collected);
      for (const line of name.permissions) collected.push(line);
      entry.private ||= name.private;
      entry.allows ??= name.permissions.find((line) => line.action === 'allow') ?? null;
    }
    for (const [entry, collected] of lines) {
      entry.permissions = reduce(collected, formatName(entry.pattern), rules);
    }
  }

  #entry(pattern: NamePattern): NameEntry {
    const map = this.#entries[pattern.wildcard];
    const key = pattern.labels.join('.');
    let entry = map.get(key);
    if (entry === undefined) {
      entry = { pattern, permissions: [], private: false, allows: null };
      map.set(key, entry);
      if (pattern.wildcard === 'many')
        this.#deepest = Math.max(this.#deepest, pattern.labels.length);
    }
    return entry;
  }

  /** What all rules say about a name, as `queriedName` gives it. Null when no rule matches. */
  match(name: string): NameMatch | null {
    return this.#combine(name, this.#matching(name));
  }

  /**
   * Combines the rules for one name of each sort that can exist, so that no later look-up can have too
   * many lines. A name is either written out in a rule, or a child of a `*.` pattern, or below `**.`
   * patterns, the longest of which tells which others match.
   *
   * @throws TW_POLICY_TOO_MANY_LINES
   */
  checkLines(): void {
    for (const { pattern } of this.#entries.none.values()) this.match(pattern.labels.join('.'));
    for (const wildcard of ['one', 'many'] as const) {
      for (const { pattern } of this.#entries[wildcard].values()) {
        this.#combine(formatName(pattern), this.#below(pattern.labels.join('.')));
      }
    }
  }

  #matching(name: string): NameEntry[] {
    const exact = this.#entries.none.get(name);
    const dot = name.indexOf('.');
    const below = dot < 0 ? [] : this.#below(name.slice(dot + 1));
    if (exact !== undefined) below.unshift(exact);
    return below;
  }

  /** Wildcard entries for a child of `parent`. */
  #below(parent: string): NameEntry[] {
    const found: NameEntry[] = [];
    const { one, many } = this.#entries;
    const child = one.get(parent);
    if (child !== undefined) found.push(child);
    if (many.size === 0) return found;
    for (let suffix = lastLabels(parent, this.#deepest); ; ) {
      const entry = many.get(suffix);
      if (entry !== undefined) found.push(entry);
      const dot = suffix.indexOf('.');
      if (dot < 0) return found;
      suffix = suffix.slice(dot + 1);
    }
  }

  #combine(subject: string, entries: readonly NameEntry[]): NameMatch | null {
    const [first] = entries;
    if (first === undefined) return null;
    if (entries.length === 1) return first;
    return {
      permissions: reduce(
        entries.flatMap((entry) => entry.permissions),
        subject,
        this.#rules,
      ),
      private: entries.some((entry) => entry.private),
      allows: entries.find((entry) => entry.allows !== null)?.allows ?? null,
    };
  }
}

function lastLabels(name: string, count: number): string {
  let start = name.length;
  for (let i = 0; i < count; i++) {
    start = name.lastIndexOf('.', start - 1);
    if (start < 0) return name;
  }
  return name.slice(start + 1);
}
