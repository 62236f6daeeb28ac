/**
 * From a compiled rule back to the document that holds it: which document, which field of it, and which
 * entry of that field it was that matched.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { contains, parsePrefix } from './cidr.ts';
import type { DestinationHost } from './destination.ts';
import { NameIndex } from './name-index.ts';
import { parseName } from './names.ts';
import { presets } from './presets.ts';
import type { FieldPath } from './problem.ts';
import { documentTitle } from './title.ts';
import type { CompiledPolicy, NameRule } from './types.ts';

export interface RulePlace {
  /** As in rows: `EgressPolicy ci/web allow[0]`. */
  readonly rule: string;
  /** Title of its document, and the field in there; the path is empty for the default. */
  readonly title: string;
  readonly path: FieldPath;
  /** The name or prefix as it is written; null where the rule matches by none. */
  readonly match: string | null;
}

/** @param host what the rule's entries are compared with @param index into `policy.rules`, not 0 */
export function rulePlace(
  documents: readonly TorwachtDocument[],
  policy: CompiledPolicy,
  index: number,
  host: DestinationHost | null,
): RulePlace {
  const { name, policy: of } = policy.rules[index] ?? { name: 'default', policy: '' };
  const [kind = ''] = name.split(' ', 1);
  const title = `${kind} ${of}`;
  const part = name.slice(title.length + 1);
  const document = documents.find((one) => documentTitle(one) === title);
  const found = document === undefined ? null : fieldOf(document, part, host);
  return { rule: name, title, path: found?.path ?? [], match: found?.match ?? null };
}

type Field = Pick<RulePlace, 'path' | 'match'>;

function fieldOf(
  document: TorwachtDocument,
  part: string,
  host: DestinationHost | null,
): Field | null {
  if (document.kind === 'RunnerBinding') return { path: ['spec', 'gitlab'], match: null };
  const [, preset] = /^preset (.*)$/.exec(part) ?? [];
  if (preset !== undefined) {
    const at = document.spec.presets?.indexOf(preset) ?? -1;
    const names = presets.get(preset)?.rules.flatMap(({ fqdn }) => fqdn) ?? [];
    return {
      path: at < 0 ? ['spec', 'presets'] : ['spec', 'presets', at],
      match: entryOf(names, host)?.text ?? null,
    };
  }
  const [, list, number] = /^(allow|deny)\[([0-9]+)\]$/.exec(part) ?? [];
  if (list === undefined) return null;
  const action = list === 'deny' ? 'deny' : 'allow';
  const path = ['spec', action, Number(number)];
  const rule = document.spec[action]?.[Number(number)];
  const field = rule?.fqdn === undefined ? 'cidr' : 'fqdn';
  const entry = entryOf(rule?.fqdn ?? rule?.cidr ?? [], host);
  if (entry === null) return { path, match: null };
  return { path: [...path, field, entry.index], match: entry.text };
}

/** The first entry that matches; of a prefix the longest. */
function entryOf(
  texts: readonly string[],
  host: DestinationHost | null,
): { readonly text: string; readonly index: number } | null {
  if (host === null) return null;
  const fitting = texts.map((text, index) => ({ text, index, fit: fitOf(text, host) }));
  fitting.sort((a, b) => b.fit - a.fit || a.index - b.index);
  const [best] = fitting;
  return best === undefined || best.fit < 0 ? null : best;
}

/** How closely an entry says this host; -1 for not at all. */
function fitOf(text: string, host: DestinationHost): number {
  if ('name' in host) {
    const pattern = parseName(text);
    if ('message' in pattern) return -1;
    return matchesName({ pattern, private: false, permissions: [] }, host.name) ? 1 : -1;
  }
  if (!('address' in host)) return -1;
  const prefix = parsePrefix(text);
  return 'message' in prefix || !contains(prefix, host.address) ? -1 : prefix.length;
}

/** One rule's name against a name, by the index that the verdict uses. */
export function matchesName(rule: NameRule, labels: readonly string[]): boolean {
  return new NameIndex([rule], []).match(labels.join('.')) !== null;
}

/** The rules whose names match, each once, in their order. */
export function rulesForName(
  policy: CompiledPolicy,
  labels: readonly string[],
): readonly { readonly rule: number; readonly action: 'allow' | 'deny' }[] {
  const found = new Map<number, 'allow' | 'deny'>();
  for (const rule of policy.names) {
    const [line] = rule.permissions;
    if (line !== undefined && matchesName(rule, labels)) found.set(line.rule, line.action);
  }
  return [...found].map(([rule, action]) => ({ rule, action }));
}
