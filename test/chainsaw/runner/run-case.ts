/**
 * A case from its namespace to the last thing that it removes. As in Chainsaw: the first operation that fails
 * ends it, `catch` then tells what there is to see, `finally` runs either way, and everything that was made is
 * removed in the order from last to first, a step's own `cleanup` behind its objects.
 */
import { randomBytes } from 'node:crypto';
import { isKubeError } from '#kube/index.ts';
import type { Bindings } from './expressions.ts';
import { bound } from './expressions.ts';
import { gone } from './objects.ts';
import { nameOfOperation, operate } from './operate.ts';
import type { Case } from './read.ts';
import type { Json, Operation, Step } from './schema.ts';
import { limitsOf, type Made, placed, type Stage } from './stage.ts';
import type { World } from './world.ts';

export interface RunOptions {
  readonly world: World;
  /** `$values` */
  readonly values: Json;
  readonly environment: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface Outcome {
  readonly name: string;
  readonly seconds: number;
  /** Why it failed, and what was left behind; none where all is well. */
  readonly faults: readonly string[];
}

type Undo = () => Promise<readonly string[]>;

/** Never rejects for what a case says or a cluster does. */
export async function runCase(one: Case, options: RunOptions): Promise<Outcome> {
  const { world, values, environment, say, signal } = options;
  const began = performance.now();
  const namespace = `chainsaw-${randomBytes(4).toString('hex')}`;
  const undo: Undo[] = [];
  const faults: string[] = [];
  const stage: Stage = {
    world,
    folder: one.folder,
    namespace,
    bindings: { namespace, values, test: { metadata: { name: one.test.metadata.name } } },
    limits: limitsOf(one.test.spec.timeouts),
    environment,
    say,
    made: () => undefined,
    ...(signal === undefined ? {} : { signal }),
  };
  say(`=== ${one.name}`);
  try {
    undo.push(await makeNamespace(stage));
    const bindings = bound(stage.bindings, one.test.spec.bindings);
    for (const step of one.test.spec.steps) {
      await runStep({ ...stage, bindings }, one, step, undo);
    }
  } catch (error) {
    faults.push(sentence(error));
    say(`--- ${one.name}: ${sentence(error)}`);
  }
  for (const back of undo.reverse()) faults.push(...(await back()));
  const seconds = (performance.now() - began) / 1000;
  say(`=== ${one.name} ${faults.length === 0 ? 'passed' : 'FAILED'} ${seconds.toFixed(1)} s`);
  return { name: one.name, seconds, faults };
}

async function makeNamespace(stage: Stage): Promise<Undo> {
  const raw = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: stage.namespace } };
  const { of, object } = await placed(stage, raw);
  await stage.world.client.create(of, object);
  return removal(stage, [{ of, at: object.metadata }]);
}

async function runStep(stage: Stage, one: Case, step: Step, undo: Undo[]): Promise<void> {
  const { say } = stage;
  const made: Made[] = [];
  const limits = limitsOf(one.test.spec.timeouts, step.timeouts);
  const own: Stage = { ...stage, limits, made: (thing) => made.push(thing) };
  const bindings = bound(stage.bindings, step.bindings);
  say(`  ${step.name}`);
  undo.push(async () => [
    ...(step.skipDelete ? [] : await removal(own, made)()),
    ...(await all({ ...calm(own), bindings }, step.cleanup)),
  ]);
  try {
    await inOrder({ ...own, bindings }, step.try);
  } catch (error) {
    say(`  failed: ${sentence(error)}`);
    await all({ ...calm(own), bindings }, [...one.test.spec.catch, ...step.catch]);
    throw error;
  } finally {
    await all({ ...calm(own), bindings }, step.finally);
  }
}

/** What one outputs, those behind it see. */
async function inOrder(stage: Stage, operations: readonly Operation[]): Promise<void> {
  let bindings: Bindings = stage.bindings;
  for (const operation of operations) {
    const began = performance.now();
    const outputs = await operate({ ...stage, bindings }, operation);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const { description } = operation;
    const what = [nameOfOperation(operation), ...(description === undefined ? [] : [description])];
    stage.say(`    ${what.join(': ')} (${seconds} s)`);
    bindings = { ...bindings, ...outputs };
  }
}

/** Each of them, whatever becomes of the others. */
async function all(stage: Stage, operations: readonly Operation[]): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const operation of operations) {
    await operate(stage, operation).catch((error: unknown) => faults.push(sentence(error)));
  }
  for (const fault of faults) stage.say(`    cleanup: ${fault}`);
  return faults;
}

/** What cleans up goes on when the run is stopped. */
function calm({ signal, ...stage }: Stage): Stage {
  return stage;
}

function removal(stage: Stage, made: readonly Made[]): Undo {
  const { client } = stage.world;
  return async () => {
    const faults: string[] = [];
    for (const { of, at } of made.toReversed()) {
      try {
        await client.delete(of, at, { propagation: 'Background' });
        await gone({ world: stage.world }, of, at, stage.limits.cleanup);
      } catch (error) {
        if (!isKubeError(error, 'KUBE_NOT_FOUND')) faults.push(sentence(error));
      }
    }
    return faults;
  };
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
