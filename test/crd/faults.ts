/**
 * Every way in which one value of a document can break its schema, each by itself. They are made from the
 * schema, so a new field or limit is tried without anybody thinking of it.
 */
import type { Structural } from '../../scripts/generate/structural.ts';

export interface Fault {
  /** As the API server writes it: `spec.allow[0].ports[0].port`. */
  readonly path: string;
  readonly what: string;
  /** The whole value with the fault in it. */
  readonly value: unknown;
}

/** Puts a value in place of one within the whole. */
type Put = (value: unknown) => unknown;

/** @param value has every field that is tried */
export function faultsOf(schema: Structural, value: unknown, path: string): Fault[] {
  return [...at(schema, value, path, (part) => part)];
}

function* at(schema: Structural, value: unknown, path: string, put: Put): Generator<Fault> {
  for (const [what, part] of ownFaults(schema, value)) yield { path, what, value: put(part) };
  if (schema.type === 'array') yield* inList(schema, value as readonly unknown[], path, put);
  if (schema.type === 'object') yield* inMap(schema, value as Fields, path, put);
}

type Fields = Readonly<Record<string, unknown>>;

/** Values that are wrong by themselves, with what is wrong. */
function* ownFaults(schema: Structural, value: unknown): Generator<readonly [string, unknown]> {
  yield ['of another type', schema.type === 'string' ? 7 : 'text'];
  switch (schema.type) {
    case 'string':
      yield* stringFaults(schema, value as string);
      break;
    case 'integer':
      yield ['not whole', 1.5];
      if (schema.minimum !== undefined) yield ['below its least', schema.minimum - 1];
      if (schema.maximum !== undefined) yield ['above its most', schema.maximum + 1];
      break;
    case 'array':
      yield* listFaults(schema, value as readonly unknown[]);
      break;
    case 'boolean':
      if (schema.enum !== undefined) yield ['the other of the two', !value];
      break;
    default:
  }
}

function* stringFaults(schema: Structural, value: string): Generator<readonly [string, unknown]> {
  if (schema.enum !== undefined) yield ['none of its words', 'Nonsense'];
  if (schema.minLength !== undefined) yield ['empty', ''];
  if (schema.maxLength !== undefined) yield ['too long', longer(value, schema.maxLength + 1)];
  if (schema.pattern !== undefined) yield ['of another form', 'ü\n'];
  if (schema.format !== undefined) yield ['no date', 'yesterday'];
}

function longer(value: string, length: number): string {
  return (value.at(-1) ?? 'a').repeat(length);
}

function* listFaults(
  schema: Structural,
  value: readonly unknown[],
): Generator<readonly [string, unknown]> {
  const [first] = value;
  if (schema.minItems !== undefined) yield ['an empty list', []];
  if (schema.maxItems !== undefined) {
    const name = schema['x-kubernetes-list-map-keys']?.at(-1);
    const entry = (index: number): unknown =>
      name === undefined ? first : { ...(first as Fields), [name]: `Name${index}` };
    yield ['too many entries', Array.from({ length: schema.maxItems + 1 }, (_, n) => entry(n))];
  }
  if (schema['x-kubernetes-list-type'] !== 'atomic') yield ['the same twice', [first, first]];
}

function* inList(
  schema: Structural,
  value: readonly unknown[],
  path: string,
  put: Put,
): Generator<Fault> {
  for (const [index, entry] of value.entries()) {
    const putEntry: Put = (part) => put(value.with(index, part));
    if (schema.items !== undefined) yield* at(schema.items, entry, `${path}[${index}]`, putEntry);
  }
}

function* inMap(schema: Structural, value: Fields, path: string, put: Put): Generator<Fault> {
  const { properties, required = [], additionalProperties, maxProperties } = schema;
  if (additionalProperties !== undefined) {
    for (const [key, entry] of Object.entries(value)) {
      const putEntry: Put = (part) => put({ ...value, [key]: part });
      yield* at(additionalProperties, entry, `${path}.${key}`, putEntry);
    }
    if (maxProperties !== undefined) yield tooManyKeys(maxProperties, path, put);
    return;
  }
  yield { path: `${path}.quarantine`, what: 'unknown', value: put({ ...value, quarantine: true }) };
  for (const name of required) {
    const { [name]: _, ...rest } = value;
    yield { path: `${path}.${name}`, what: 'missing', value: put(rest) };
  }
  for (const [name, child] of Object.entries(properties ?? {})) {
    if (value[name] === undefined) continue;
    const putField: Put = (part) => put({ ...value, [name]: part });
    yield* at(child, value[name], `${path}.${name}`, putField);
  }
}

function tooManyKeys(most: number, path: string, put: Put): Fault {
  const keys = Array.from({ length: most + 1 }, (_, index) => [`key-${index}`, 'value']);
  return { path, what: 'too many keys', value: put(Object.fromEntries(keys)) };
}

/** Paths of the schema's fields that no value has: of these nothing is tried. */
export function missingFields(
  schema: Structural,
  values: readonly unknown[],
  path: string,
): string[] {
  const there = values.filter((value) => value !== undefined);
  if (there.length === 0) return [path];
  if (schema.items !== undefined) {
    return missingFields(schema.items, there.flat(), `${path}[]`);
  }
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const below = there.map((value) => (value as Fields)[name]);
    return missingFields(child, below, `${path}.${name}`);
  });
}
