/**
 * zod schemas as the structural schemas that a CRD wants: every node has a type, and nothing decides by
 * alternatives. Refinements do not show in JSON Schema; they stand beside theirs as CEL rules
 * (`x-kubernetes-validations`), and a test holds both against the API server.
 */
import * as z from 'zod';

export interface Structural {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly (string | boolean)[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: Structural;
  readonly properties?: Readonly<Record<string, Structural>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Structural;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'map' | 'set';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

/** CEL. */
interface Rule {
  readonly rule: string;
  readonly message: string;
  /** Of the field that is wrong, from where the rule stands: `.endPort`. */
  readonly fieldPath?: string;
}

/** As zod writes it, before anything is known of it. */
type Raw = Readonly<Record<string, unknown>>;

/** The largest whole number that zod's own bound lets pass. */
const SAFE = Number.MAX_SAFE_INTEGER;
const INT32 = 2 ** 31 - 1;

/** In this order they are written; what is not here has no place in a structural schema. */
const kept = [
  'description',
  'type',
  'format',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'required',
  'properties',
  'items',
  'additionalProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
] as const;

/** @throws Error with the field's path where the schema cannot be written as a structural one */
export function structural(schema: z.ZodType, path: string): Structural {
  return node(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }) as Raw, path);
}

function node(raw: Raw, path: string): Structural {
  const built = { ...raw, ...fieldsOf(raw, path) } as Record<string, unknown>;
  // What is written into an entry makes the list another than the one in the manifest (api/README.md).
  if (path.includes('[]')) delete built.default;
  const out: Record<string, unknown> = {};
  for (const key of kept) if (built[key] !== undefined) out[key] = built[key];
  const strange = Object.keys(built).filter((key) => !kept.some((known) => known === key));
  if (strange.length > 0) throw new Error(`${path}: not structural: ${strange.join(', ')}`);
  return out as unknown as Structural;
}

function fieldsOf(raw: Raw, path: string): Raw {
  switch (raw.type) {
    case 'object':
      return objectFields(raw, path);
    case 'array':
      return {
        items: node(raw.items as Raw, `${path}[]`),
        'x-kubernetes-list-type': raw['x-kubernetes-list-type'] ?? 'atomic',
      };
    case 'integer':
      return integerFields(raw);
    // zod's pattern for a date is its own way to say the format.
    case 'string':
      return raw.format === undefined ? {} : { pattern: undefined };
    case 'boolean':
      return {};
    default:
      throw new Error(`${path}: has no type that a CRD knows`);
  }
}

/** Unknown fields are the API server's to refuse: for a CRD an object is strict by what it leaves out. */
function objectFields(raw: Raw, path: string): Raw {
  if (raw.properties === undefined) {
    return { additionalProperties: node(raw.additionalProperties as Raw, `${path}{}`) };
  }
  if (raw.additionalProperties !== false) throw new Error(`${path}: is not a strict object`);
  const properties = Object.entries(raw.properties as Readonly<Record<string, Raw>>);
  return {
    additionalProperties: undefined,
    properties: Object.fromEntries(
      properties.map(([name, child]) => [name, node(child, `${path}.${name}`)]),
    ),
  };
}

function integerFields({ minimum, maximum }: Raw): Raw {
  return {
    minimum: minimum === -SAFE ? undefined : minimum,
    maximum: maximum === SAFE ? undefined : maximum,
    format: typeof maximum === 'number' && maximum <= INT32 ? 'int32' : 'int64',
  };
}
