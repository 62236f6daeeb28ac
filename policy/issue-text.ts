/** Turns zod's issues into sentences about the document, each with what to do. */

import * as z from 'zod';
import { closest } from './closest.ts';
import { type FieldPath, type FieldProblem, quoted } from './problem.ts';

type Issue = z.core.$ZodIssue;

/** Unknown fields that are reported of one object. */
const MAX_KEYS = 20;

/** A schema as far as field names need it. */
interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
}

const shapes = new WeakMap<z.ZodType, Shape>();

/** Names of the fields that may stand in the object at a path. */
function knownFields(schema: z.ZodType, path: FieldPath): readonly string[] {
  let shape = shapes.get(schema);
  if (shape === undefined) {
    shape = z.toJSONSchema(schema, { io: 'input' }) as Shape;
    shapes.set(schema, shape);
  }
  for (const step of path) {
    shape = typeof step === 'number' ? shape?.items : shape?.properties?.[step];
  }
  return Object.keys(shape?.properties ?? {});
}

/** One issue may be about several keys. `document` is what was parsed by `schema`. */
export function describeIssue(schema: z.ZodType, issue: Issue, document: unknown): FieldProblem[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, MAX_KEYS).map((key) => unknownField(schema, path, key));
  }
  if (issue.code === 'invalid_key') {
    const { message } = issue.issues[0] ?? issue;
    return [
      { path: path.slice(0, -1), key: String(path.at(-1)), message, hint: 'Correct the key.' },
    ];
  }
  const value = valueAt(document, path);
  return [{ path, ...sentence(issue, value) }];
}

function unknownField(schema: z.ZodType, path: FieldPath, key: string): FieldProblem {
  const known = knownFields(schema, path);
  const near = closest(key, known);
  return {
    path,
    key,
    message: `unknown field ${quoted(key)}`,
    hint:
      near === null
        ? `Fields that are known here: ${known.join(', ')}.`
        : `Did you mean ${quoted(near)}?`,
  };
}

function valueAt(document: unknown, path: FieldPath): unknown {
  let value = document;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step))
      return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

type Sentence = Pick<FieldProblem, 'message' | 'hint'>;

function sentence(issue: Issue, value: unknown): Sentence {
  if (value === undefined && issue.code !== 'custom') {
    return { message: 'is required', hint: 'Add it.' };
  }
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, value);
    case 'invalid_value':
      return wrongValue(issue.values.map(String), value);
    case 'too_small':
      return outOfBounds(issue.origin, 'at least', issue.minimum);
    case 'too_big':
      return outOfBounds(issue.origin, 'at most', issue.maximum);
    case 'custom':
      return { message: issue.message, hint: hintOf(issue.params) };
    case 'invalid_format':
      return { message: issue.message, hint: `Correct ${show(value)}.` };
    default:
      return { message: issue.message, hint: `Correct ${show(value)}.` };
  }
}

function hintOf(params: Readonly<Record<string, unknown>> | undefined): string {
  const hint = params?.hint;
  return typeof hint === 'string' ? hint : 'Correct it.';
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map of fields',
  record: 'a map',
  array: 'a list',
  null: 'empty',
};

function wrongType(expected: string, value: unknown): Sentence {
  const actual = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  const message = `must be ${typeNames[expected] ?? expected}, not ${describeActual(actual, value)}`;
  if (expected === 'string' && (actual === 'number' || actual === 'boolean')) {
    return { message, hint: `Put it in quotes: "${String(value)}".` };
  }
  if (expected === 'array' && actual === 'string') {
    return { message, hint: `Write a list: [${show(value)}].` };
  }
  if (actual === 'null') return { message, hint: 'Give it a value, or remove the field.' };
  return { message, hint: `Write ${typeNames[expected] ?? expected}.` };
}

function describeActual(actual: string, value: unknown): string {
  if (actual === 'number' && !Number.isInteger(value)) return `the number ${String(value)}`;
  return typeNames[actual] === 'true or false' ? String(value) : (typeNames[actual] ?? actual);
}

function wrongValue(values: readonly string[], value: unknown): Sentence {
  const message =
    values.length === 1
      ? `must be ${values[0] ?? ''}, not ${show(value)}`
      : `must be one of ${values.join(', ')}, not ${show(value)}`;
  const near = typeof value === 'string' ? closest(value, values) : null;
  return {
    message,
    hint: near === null ? `Write ${values.join(' or ')}.` : `Did you mean ${near}?`,
  };
}

const units: Readonly<Record<string, readonly [verb: string, one: string, many: string]>> = {
  string: ['must have', 'character', 'characters'],
  array: ['must have', 'entry', 'entries'],
};

function outOfBounds(origin: string, bound: string, limit: number | bigint): Sentence {
  const [verb, one, many] = units[origin] ?? ['must be', '', ''];
  const unit = Number(limit) === 1 ? one : many;
  return {
    message: `${verb} ${bound} ${limit} ${unit}`.trimEnd(),
    hint:
      origin === 'array' && bound === 'at least'
        ? 'Add an entry, or remove the field.'
        : 'Bring it into bounds.',
  };
}

function show(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  return Array.isArray(value) ? 'this list' : 'this map';
}
