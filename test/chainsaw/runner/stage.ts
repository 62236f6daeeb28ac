/** What an operation stands on, and how long it may take. */
import type { ObjectPlace, Resource } from '#kube/index.ts';
import type { Bindings } from './expressions.ts';
import type { JsonObject, Timeouts } from './schema.ts';
import { isObject } from './tree.ts';
import type { Thing, World } from './world.ts';

/** Those of Chainsaw, in ms. */
const usual = {
  apply: 5000,
  assert: 30_000,
  cleanup: 30_000,
  delete: 15_000,
  error: 30_000,
  exec: 5000,
} as const;

export type Limits = { readonly [what in keyof typeof usual]: number };

export function limitsOf(...said: readonly (Timeouts | undefined)[]): Limits {
  return Object.assign({}, usual, ...said.map((one) => defined(one ?? {})));
}

const defined = (values: object): object =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** What was made and is to be removed. */
export interface Made {
  readonly of: Resource<Thing>;
  readonly at: ObjectPlace;
}

export interface Stage {
  readonly world: World;
  readonly folder: string;
  /** The test's own: for whatever names none. */
  readonly namespace: string;
  readonly bindings: Bindings;
  readonly limits: Limits;
  /** Programs run in it. */
  readonly environment: NodeJS.ProcessEnv;
  /** Aborted when the run is stopped; what cleans up has none. */
  readonly signal?: AbortSignal;
  /** Told of each object that was not there before. */
  readonly made: (one: Made) => void;
  readonly say: (line: string) => void;
}

/** Which resource an object is of, and its place with the test's namespace where it names none. */
export async function placed(
  { world, namespace }: Pick<Stage, 'world' | 'namespace'>,
  object: JsonObject,
): Promise<{ readonly of: Resource<Thing>; readonly object: Thing }> {
  const of = await world.find(String(object.apiVersion), String(object.kind));
  const metadata = isObject(object.metadata) ? object.metadata : {};
  const within = of.namespaced ? { namespace: metadata.namespace ?? namespace } : {};
  return { of, object: { ...object, metadata: { ...metadata, ...within } } as unknown as Thing };
}

/** `Pod ci/job` */
export function nameOf({ kind, metadata }: Thing): string {
  const { namespace, name = '*' } = metadata;
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
