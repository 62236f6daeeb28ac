/** Test files to suites of expectations, with the place of each. Bad content is problems, all of it at once. */
import { dirname, join } from 'node:path';
import { loadPolicies, readFiles } from '#agent/bundle/load.ts';
import { TorwachtError } from '#api/error.ts';
import { type Destination, parseDestination } from '#policy/destination.ts';
import { describeIssue } from '#policy/issue-text.ts';
import type { Loaded, Place, PolicyFile } from '#policy/load.ts';
import { type FieldPath, type FieldProblem, fieldName, type Problem } from '#policy/problem.ts';
import type { Mode } from '#policy/types.ts';
import { readYaml } from '#policy/yaml.ts';
import type { YamlDocument } from '#policy/yaml-reader.ts';
import { type Detail, detailSchema, policyTestSchema, type Who } from './schema.ts';

export interface Expectation {
  readonly verdict: 'allow' | 'deny';
  readonly destination: Destination;
  /** As it is written. */
  readonly to: string;
  readonly detail: Detail;
  readonly place: Place;
}

export interface Test {
  readonly name: string;
  readonly who: Who;
  readonly mode: { readonly expected: Mode; readonly place: Place } | null;
  readonly expectations: readonly Expectation[];
}

/** One document of a test file. */
export interface Suite {
  readonly file: string;
  readonly name: string;
  readonly policies: Loaded;
  readonly tests: readonly Test[];
}

export interface Suites {
  readonly suites: readonly Suite[];
  readonly problems: readonly Problem[];
  readonly files: readonly string[];
}

/** @throws TW_POLICY_UNREADABLE, TW_POLICY_EMPTY_FOLDER for the test files themselves */
export function readSuites(paths: readonly string[]): Suites {
  const files = readFiles(...paths);
  const read = files.map(readFile);
  const problems = read.flatMap((one) => one.problems);
  return {
    suites: read.flatMap((one) => one.suites),
    // Several suites may name the same policies.
    problems: [...new Map(problems.map((one) => [JSON.stringify(one), one])).values()],
    files: files.map(({ file }) => file),
  };
}

type Read = Pick<Suites, 'suites' | 'problems'>;

function readFile({ file, content }: PolicyFile): Read {
  const yaml = readYaml(Buffer.from(content).toString('utf8'));
  const read = yaml.documents.map((source) => new Reader(file, source).suite());
  const problems = [
    ...yaml.problems.map((problem) => ({ file, ...problem })),
    ...read.flatMap((one) => one.problems),
  ];
  if (yaml.documents.length === 0 && problems.length === 0) {
    const message = 'holds no test';
    const hint = 'Write a PolicyTest into it (docs/policy-tests.md), or remove it.';
    problems.push({ file, line: 0, column: 0, field: '', message, hint });
  }
  return { suites: read.flatMap((one) => one.suites), problems };
}

class Reader {
  readonly #file: string;
  readonly #source: YamlDocument;
  readonly #problems: Problem[] = [];

  constructor(file: string, source: YamlDocument) {
    this.#file = file;
    this.#source = source;
  }

  suite(): Read {
    const { value } = this.#source;
    const { data, error } = policyTestSchema.safeParse(value);
    if (data === undefined) {
      for (const issue of error.issues.slice(0, 100)) {
        for (const problem of describeIssue(policyTestSchema, issue, value)) this.#problem(problem);
      }
      return { suites: [], problems: this.#problems };
    }
    const { policies: paths, who, tests } = data.spec;
    const policies = this.#policies(paths);
    const read = tests.map((test, index) => {
      const path = ['spec', 'tests', index];
      return {
        name: test.name,
        who: { ...who, ...test.who },
        mode:
          test.mode === undefined
            ? null
            : { expected: test.mode, place: this.#place([...path, 'mode']) },
        expectations: test.expect.flatMap(
          (entry, at) => this.#expectation(entry, [...path, 'expect', at]) ?? [],
        ),
      };
    });
    if (policies === null || this.#problems.length > 0) {
      return { suites: [], problems: this.#problems };
    }
    const name = data.metadata?.name ?? this.#file;
    return { suites: [{ file: this.#file, name, policies, tests: read }], problems: [] };
  }

  #place(path: FieldPath, key?: string): Place {
    return { file: this.#file, ...this.#source.locate(path, key) };
  }

  #problem({ path, key, message, hint }: FieldProblem): void {
    const field = fieldName(key === undefined ? path : [...path, key]);
    this.#problems.push({ ...this.#place(path, key), field, message, hint });
  }

  /** Paths are from the folder of the test file. */
  #policies(paths: readonly string[]): Loaded | null {
    const path = ['spec', 'policies'];
    try {
      const loaded = loadPolicies(...paths.map((one) => join(dirname(this.#file), one)));
      this.#problems.push(...loaded.problems);
      return loaded.problems.length === 0 ? loaded : null;
    } catch (error) {
      if (!(error instanceof TorwachtError)) throw error;
      this.#problem({ path, message: error.message, hint: error.hint });
      return null;
    }
  }

  #expectation(entry: Readonly<Record<string, unknown>>, path: FieldPath): Expectation | null {
    const [verdict, ...more] = Object.keys(entry);
    if ((verdict !== 'allow' && verdict !== 'deny') || more.length > 0) {
      const message = 'must be one of allow and deny, and nothing beside it';
      this.#problem({ path, message, hint: 'Write `deny: node → evil.test:443`.' });
      return null;
    }
    const detail = this.#detail(entry[verdict], [...path, verdict]);
    if (detail === null) return null;
    const destination = parseDestination(detail.to, detail.protocol);
    if (!('message' in destination)) {
      return { verdict, destination, to: detail.to, detail, place: this.#place(path, verdict) };
    }
    const { message, hint } = destination;
    const to = typeof entry[verdict] === 'string' ? [] : ['to'];
    this.#problem({ path: [...path, verdict, ...to], message: `a destination ${message}`, hint });
    return null;
  }

  #detail(value: unknown, path: FieldPath): Detail | null {
    if (typeof value === 'string') return fromText(value);
    const { data, error } = detailSchema.safeParse(value);
    if (data !== undefined) return data;
    for (const issue of error.issues) {
      for (const problem of describeIssue(detailSchema, issue, value)) {
        this.#problem({ ...problem, path: [...path, ...problem.path] });
      }
    }
    return null;
  }
}

/** `node → evil.test:443`, or without the process. */
function fromText(text: string): Detail {
  const [, process, to] = /^(.*?)\s*(?:→|->)\s*(.*)$/s.exec(text) ?? [];
  if (to === undefined) return { to: text.trim() };
  return { to, ...(process === undefined || process === '' ? {} : { process }) };
}
