/** `(…)` in a string is JMESPath, of the same specification as in Chainsaw; `$name` is a binding. */
import { compile, TreeInterpreter } from '@jmespath-community/jmespath';
import { failure } from '#api/error.ts';
import { errors } from '../errors.ts';
import type { Binding, Json } from './schema.ts';

export type Bindings = Readonly<Record<string, Json>>;

type Given = Parameters<typeof TreeInterpreter.visit>[1];
type Scope = Parameters<typeof TreeInterpreter.withScope>[0];

/** What stands in parentheses, where a string is nothing else. */
export function statementIn(text: string): string | undefined {
  return /^\((.+)\)$/.exec(text)?.[1];
}

/** @throws TW_E2E_EXPRESSION */
export function evaluate(statement: string, value: Json | undefined, bindings: Bindings): Json {
  if (/^\w+;/.test(statement)) {
    throw failure(errors.expression, { statement, reason: 'it names another language' });
  }
  try {
    const scope = TreeInterpreter.withScope(bindings as Scope);
    // Its `search` forgets the scope.
    return scope.visit(compile(statement), (value ?? null) as Given) as Json;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw failure(errors.expression, { statement, reason }, cause);
  }
}

/** A value with every expression in it replaced by what it comes to. @throws TW_E2E_EXPRESSION */
export function filled(value: Json, bindings: Bindings): Json {
  if (typeof value === 'string') {
    const statement = statementIn(value);
    return statement === undefined ? value : evaluate(statement, null, bindings);
  }
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((one: Json) => filled(one, bindings));
  return Object.fromEntries(
    Object.entries(value).map(([key, own]) => [key, filled(own, bindings)]),
  );
}

/** The bindings and more of them, each in sight of those before it. */
export function bound(bindings: Bindings, more: readonly Binding[]): Bindings {
  const known: Record<string, Json> = { ...bindings };
  for (const { name, value } of more) known[name] = filled(value, known);
  return known;
}
