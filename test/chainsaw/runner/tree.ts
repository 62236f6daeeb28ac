/**
 * Assertions: a tree of what is expected, held against a value. What the tree does not name may be as it
 * likes; lists are equal in length; a key or a value in parentheses is an expression over the value there.
 * The rules are those of Chainsaw (kyverno-json, pkg/core/assertion).
 */
import { failure } from '#api/error.ts';
import { errors } from '../errors.ts';
import { type Bindings, evaluate, statementIn } from './expressions.ts';
import type { Json, JsonObject } from './schema.ts';

/** Sentences on what differs, none where nothing does. @throws TW_E2E_EXPRESSION, TW_E2E_COMPARISON */
export function differences(
  expected: Json,
  actual: Json | undefined,
  bindings: Bindings,
  path = '',
): readonly string[] {
  if (Array.isArray(expected)) return ofList(expected, actual, bindings, path);
  if (isObject(expected)) return ofMap(expected, actual, bindings, path);
  const statement = typeof expected === 'string' ? statementIn(expected) : undefined;
  const wanted = statement === undefined ? expected : evaluate(statement, actual, bindings);
  return equal(wanted, actual ?? null, path)
    ? []
    : [`${path || 'value'}: ${shown(actual)} is not ${shown(wanted)}`];
}

function ofList(
  expected: readonly Json[],
  actual: Json | undefined,
  bindings: Bindings,
  path: string,
): readonly string[] {
  if (actual === null || actual === undefined) return [`${path}: nothing is there, and no list`];
  if (!Array.isArray(actual)) throw incomparable(path, expected, actual);
  if (actual.length !== expected.length) {
    return [`${path}: ${actual.length} entries, not ${expected.length}: ${shown(actual)}`];
  }
  return expected.flatMap((one, index) =>
    differences(one, actual[index] as Json, bindings, `${path}[${index}]`),
  );
}

function ofMap(
  expected: JsonObject,
  actual: Json | undefined,
  bindings: Bindings,
  path: string,
): readonly string[] {
  const entries = Object.entries(expected);
  if (entries.length === 0 && (actual === null || actual === undefined)) {
    return [`${path}: nothing is there`];
  }
  return entries.flatMap(([key, own]) => {
    const at = path === '' ? key : `${path}.${key}`;
    if (/^~|->\s*\w+$/.test(key)) {
      throw failure(errors.expression, { statement: key, reason: 'no loops and names in keys' });
    }
    const statement = statementIn(key);
    if (statement !== undefined) {
      return differences(own, evaluate(statement, actual, bindings), bindings, at);
    }
    if (actual === null || actual === undefined) return [`${at}: is not there`];
    if (!isObject(actual)) throw incomparable(at, expected, actual);
    return Object.hasOwn(actual, key)
      ? differences(own, actual[key], bindings, at)
      : [`${at}: is not there`];
  });
}

/** Of what an expression gave, or what stands there as it is. */
function equal(expected: Json, actual: Json, path: string): boolean {
  if (expected === null || actual === null) return expected === actual;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) throw incomparable(path, expected, actual);
    return (
      expected.length === actual.length &&
      expected.every((one, index) => equal(one, actual[index] as Json, path))
    );
  }
  if (isObject(expected)) {
    if (!isObject(actual)) throw incomparable(path, expected, actual);
    return Object.entries(expected).every(
      ([key, own]) => Object.hasOwn(actual, key) && equal(own, actual[key] ?? null, path),
    );
  }
  if (typeof expected !== typeof actual) throw incomparable(path, expected, actual);
  return expected === actual;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const LONGEST = 400;

function shown(value: Json | undefined): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

const incomparable = (path: string, expected: Json, actual: Json) =>
  failure(errors.comparison, {
    path: path || 'value',
    expected: shown(expected),
    actual: shown(actual),
  });
