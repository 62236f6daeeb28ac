/** Operations on objects: apply, create, patch, delete, assert, error. */
import { failure } from '#api/error.ts';
import { apiVersionOf, isKubeError, type ObjectPlace, type Resource } from '#kube/index.ts';
import { errors } from '../errors.ts';
import { type Bindings, bound, filled } from './expressions.ts';
import { until } from './patience.ts';
import { readObjects } from './read.ts';
import type { Deletion, Expectation, Expected, Json, JsonObject, Written } from './schema.ts';
import { nameOf, placed, type Stage } from './stage.ts';
import { differences } from './tree.ts';
import type { Thing } from './world.ts';

export type Outputs = Bindings;

interface Source {
  readonly file?: string | undefined;
  readonly resource?: JsonObject | undefined;
}

function objectsOf({ folder }: Stage, { file, resource }: Source): readonly JsonObject[] {
  if (resource !== undefined) return [resource];
  return readObjects(folder, file ?? '');
}

type Way = 'apply' | 'create' | 'patch';

/** Tried again until it is taken, or until what is expected of the refusal is so. */
export async function write(stage: Stage, way: Way, said: Written): Promise<Outputs> {
  const bindings = bound(stage.bindings, said.bindings);
  let outputs: Outputs = {};
  for (const raw of objectsOf(stage, said)) {
    const { of, object } = await placed(stage, filled(raw, bindings) as JsonObject);
    const reason = await until(
      async () => {
        const told = await attempt(() => send(stage, way, of, object, said.dryRun));
        const known = { ...bindings, error: told };
        const refusal = judge(said.expect, object, known);
        if (refusal === undefined) return told ?? undefined;
        return refusal.length === 0 ? undefined : [...refusal, `$error: ${told}`].join('\n    ');
      },
      said.timeout ?? stage.limits.apply,
      stage.signal,
    );
    if (reason !== undefined) throw failed(`${way} ${nameOf(object)}`, reason);
    outputs = bound(bindings, said.outputs);
  }
  return Object.fromEntries(said.outputs.map(({ name }) => [name, outputs[name] as Json]));
}

/** What went wrong, as Chainsaw's $error has it. */
async function attempt(work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (!isKubeError(error)) throw error;
    return error.message;
  }
}

async function send(
  { world: { client }, made }: Stage,
  way: Way,
  of: Resource<Thing>,
  object: Thing,
  dryRun: boolean,
): Promise<void> {
  const at = object.metadata;
  const there = await client.get(of, at).catch((error: unknown) => {
    if (isKubeError(error, 'KUBE_NOT_FOUND') && way !== 'patch') return undefined;
    throw error;
  });
  if (there === undefined) {
    await client.create(of, object, { dryRun });
    if (!dryRun) made({ of, at });
  } else if (way === 'create') {
    throw failed(`create ${nameOf(object)}`, 'it is there already');
  } else {
    const { resourceVersion } = there.metadata;
    const metadata = { ...at, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    await client.patch(of, at, { ...object, metadata }, { dryRun });
  }
}

/** What does not hold of those expectations that are about it; undefined where none is. */
function judge(
  expect: readonly Expectation[],
  object: Thing,
  bindings: Bindings,
): readonly string[] | undefined {
  const about = expect.filter(
    ({ match }) => match === undefined || differences(match, object, bindings).length === 0,
  );
  if (about.length === 0) return undefined;
  return about.flatMap(({ check }) => differences(check, object, bindings));
}

export async function remove(stage: Stage, said: Deletion): Promise<Outputs> {
  const { client } = stage.world;
  const { ref, file } = said;
  const raws =
    ref === undefined
      ? objectsOf(stage, { file })
      : [{ apiVersion: ref.apiVersion, kind: ref.kind, metadata: placeOf(ref) }];
  for (const raw of raws) {
    const { of, object } = await placed(stage, filled(raw, stage.bindings) as JsonObject);
    for (const one of await read(stage, of, object)) {
      const told = await attempt(() => client.delete(of, one.metadata));
      const refusal = judge(said.expect, one, { ...stage.bindings, error: told });
      const reason = refusal === undefined ? told : refusal.join('; ') || null;
      if (reason !== null) throw failed(`delete ${nameOf(one)}`, reason);
      if (told === null) await gone(stage, of, one.metadata, said.timeout ?? stage.limits.delete);
    }
  }
  return {};
}

function placeOf({ name, namespace, labels }: NonNullable<Deletion['ref']>): JsonObject {
  return JSON.parse(JSON.stringify({ name, namespace, labels })) as JsonObject;
}

/** Waits until an object is away. @throws TW_E2E_OPERATION */
export async function gone(
  { world: { client }, signal }: Pick<Stage, 'world' | 'signal'>,
  of: Resource<Thing>,
  at: ObjectPlace,
  timeoutMs: number,
): Promise<void> {
  const look = async () => {
    try {
      const { deletionTimestamp } = (await client.get(of, at)).metadata;
      return deletionTimestamp === undefined ? 'it is there' : 'it is being deleted';
    } catch (error) {
      if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
      throw error;
    }
  };
  const reason = await until(look, timeoutMs, signal);
  if (reason !== undefined) throw failed(`delete ${of.kind} ${at.name}`, reason);
}

/** Holds when one object that is there is as the tree says. */
export async function assert(stage: Stage, said: Expected): Promise<Outputs> {
  const bindings = bound(stage.bindings, said.bindings);
  for (const raw of objectsOf(stage, said)) {
    const { what, candidates } = await candidatesOf(stage, raw, bindings);
    const look = async (): Promise<string | undefined> => {
      const found = await candidates();
      if (found.length === 0) return 'no such object is there';
      const wrong = found.map((one) => ({ one, said: differences(raw, one, bindings) }));
      if (wrong.some((one) => one.said.length === 0)) return undefined;
      return wrong.map((one) => [named(one.one), ...one.said].join('\n    ')).join('\n  ');
    };
    const reason = await until(look, said.timeout ?? stage.limits.assert, stage.signal);
    if (reason !== undefined) throw failed(`assert ${what}`, reason);
  }
  return {};
}

/** Holds when no object that is there is as the tree says. */
export async function refute(stage: Stage, said: Expected): Promise<Outputs> {
  const bindings = bound(stage.bindings, said.bindings);
  for (const raw of objectsOf(stage, said)) {
    const { what, candidates } = await candidatesOf(stage, raw, bindings);
    const look = async (): Promise<string | undefined> => {
      const matching = (await candidates()).filter(
        (one) => differences(raw, one, bindings).length === 0,
      );
      return matching.length === 0 ? undefined : `so is ${matching.map(named).join(', ')}`;
    };
    const reason = await until(look, said.timeout ?? stage.limits.error, stage.signal);
    if (reason !== undefined) throw failed(`error ${what}`, reason);
  }
  return {};
}

/** Where a tree names no kind, it is about bindings alone. */
async function candidatesOf(stage: Stage, raw: JsonObject, bindings: Bindings) {
  if (raw.kind === undefined || raw.apiVersion === undefined) {
    return { what: 'of bindings', candidates: async () => [null] };
  }
  const { apiVersion, kind, metadata = {} } = raw;
  const { name, namespace, labels } = metadata as JsonObject;
  const place = JSON.parse(JSON.stringify({ name, namespace, labels })) as JsonObject;
  const asked = filled({ apiVersion, kind, metadata: place }, bindings) as JsonObject;
  const { of, object } = await placed(stage, asked);
  return { what: nameOf(object), candidates: () => read(stage, of, object) };
}

const named = (one: Thing | null): string => (one === null ? 'what is bound' : nameOf(one));

/** The object of that name, or all of its namespace with its labels. */
async function read(
  { world: { client } }: Stage,
  of: Resource<Thing>,
  { metadata: { name, namespace, labels = {} } }: Thing,
): Promise<readonly Thing[]> {
  if (name === undefined) {
    const labelSelector = Object.entries(labels)
      .map((pair) => pair.join('='))
      .join();
    const within = namespace === undefined ? {} : { namespace };
    const { items } = await client.list(of, { labelSelector, ...within });
    // Items of a list come without them.
    const kind = { apiVersion: apiVersionOf(of), kind: of.kind };
    return items.map((one) => ({ ...one, ...kind }) as Thing);
  }
  try {
    return [await client.get(of, { name, namespace })];
  } catch (error) {
    if (isKubeError(error, 'KUBE_NOT_FOUND')) return [];
    throw error;
  }
}

export const failed = (what: string, reason: string) => failure(errors.operation, { what, reason });
