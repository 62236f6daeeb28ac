/**
 * Reads the nodes of one YAML document into a value, and knows where each value stands in the text. Keys
 * that stand twice are found here and aliases are followed here, because the parser does both in quadratic
 * time.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { type FieldPath, fieldName, quoted } from './problem.ts';
import type { Position } from './text-position.ts';

export const yamlLimits = {
  /** Lexical tokens of one text. An honest line of a policy has about six. */
  tokens: 100_000,
  /** Nested maps and lists; a policy needs five. */
  depth: 24,
  /** Values of one text after aliases are expanded. */
  values: 50_000,
  /** Problems reported for one text. */
  problems: 20,
} as const;

export interface TextProblem extends Position {
  readonly field: string;
  readonly message: string;
  readonly hint: string;
}

export interface YamlDocument {
  readonly value: unknown;
  /** Position of the value at a path, or of the nearest one that exists; of the key when one is given. */
  locate(path: FieldPath, key?: string): Position;
}

/** Reads one document's nodes into a value. */
export class YamlReader {
  readonly problems: TextProblem[] = [];
  /** Does the value hold all that the text says? */
  complete = true;
  readonly #root: Document;
  readonly #at: (offset: number) => Position;
  readonly #budget: { values: number };
  readonly #anchors = new Map<string, Node>();
  #expanding = 0;

  constructor(root: Document, at: (offset: number) => Position, budget: { values: number }) {
    this.#root = root;
    this.#at = at;
    this.#budget = budget;
  }

  read(): unknown {
    return this.#value(this.#root.contents, []);
  }

  document(value: unknown): YamlDocument {
    return { value, locate: (path, key) => this.#locate(path, key) };
  }

  #problem(node: unknown, path: FieldPath, message: string, hint: string): void {
    if (this.problems.length < yamlLimits.problems) {
      this.problems.push({ ...this.#at(startOf(node)), field: fieldName(path), message, hint });
    }
  }

  /** For what has no value. */
  #refuse(node: unknown, path: FieldPath, message: string, hint: string): undefined {
    this.complete = false;
    this.#problem(node, path, message, hint);
    return undefined;
  }

  #value(node: unknown, path: FieldPath): unknown {
    this.#budget.values += 1;
    if (this.#budget.values > yamlLimits.values) {
      if (this.#budget.values > yamlLimits.values + 1) return undefined;
      return this.#refuse(
        node,
        path,
        'the file holds too much',
        'Split it, and write aliases out.',
      );
    }
    if (path.length > yamlLimits.depth) {
      return this.#refuse(node, path.slice(0, 4), 'is nested too deeply', 'No field needs this.');
    }
    if (isAlias(node)) return this.#alias(node, path);
    if (isScalar(node)) return this.#scalar(node, path);
    if (isMap(node)) return this.#map(this.#anchored(node), path);
    if (isSeq(node)) {
      return this.#anchored(node).items.map((item, index) => this.#value(item, [...path, index]));
    }
    return null;
  }

  #anchored<T extends Node & { anchor?: string | undefined }>(node: T): T {
    if (node.anchor !== undefined && this.#expanding === 0) this.#anchors.set(node.anchor, node);
    return node;
  }

  #alias(node: { source: string }, path: FieldPath): unknown {
    const target = this.#anchors.get(node.source);
    if (target === undefined) {
      return this.#refuse(
        node,
        path,
        `there is no anchor ${quoted(node.source)} before this alias`,
        `A value that begins with a star needs quotes: '*${quoted(node.source).slice(1, -1)}'.`,
      );
    }
    this.#expanding += 1;
    const value = this.#value(target, path);
    this.#expanding -= 1;
    return value;
  }

  #scalar(
    node: Node & { value: unknown; source?: string | undefined; anchor?: string | undefined },
    path: FieldPath,
  ) {
    const { value, source } = this.#anchored(node);
    // YAML 1.1, which Kubernetes reads, takes 0443 as octal; YAML 1.2 does not.
    if (typeof value === 'number' && /^[-+]?0[0-9]/.test(source ?? '')) {
      this.#problem(
        node,
        path,
        `${quoted(source ?? '')} has a leading zero, which some programs read as octal`,
        `Write ${value} if that is what is meant.`,
      );
    }
    return value;
  }

  #map(map: YAMLMap, path: FieldPath): Record<string, unknown> {
    // Without a prototype, so that `__proto__` is a field like any other.
    const fields: Record<string, unknown> = Object.create(null);
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? this.#scalar(pair.key, path) : undefined;
      if (typeof key !== 'string') {
        this.#problem(pair.key ?? map, path, 'a key is not a string', 'Put the key in quotes.');
      } else if (Object.hasOwn(fields, key)) {
        this.#problem(
          pair.key,
          [...path, key],
          `${quoted(key)} stands twice in the same map`,
          'Keep one of them: which one counts is not defined.',
        );
      } else {
        fields[key] = this.#value(pair.value, [...path, key]);
      }
    }
    return fields;
  }

  #locate(path: FieldPath, key?: string): Position {
    let node: unknown = this.#root.contents;
    for (const step of path) {
      const next = this.#child(node, step);
      if (next === undefined) break;
      node = next.value ?? next.key ?? node;
    }
    const found = key === undefined ? undefined : this.#child(node, key)?.key;
    return this.#at(startOf(found ?? node));
  }

  #child(parent: unknown, step: string | number): { key: unknown; value: unknown } | undefined {
    const node = isAlias(parent) ? this.#anchors.get(parent.source) : parent;
    if (isSeq(node) && typeof step === 'number') {
      return step < node.items.length
        ? { key: node.items[step], value: node.items[step] }
        : undefined;
    }
    if (!isMap(node)) return undefined;
    const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
    return pair && { key: pair.key, value: pair.value };
  }
}

function startOf(node: unknown): number {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  return range?.[0] ?? 0;
}
