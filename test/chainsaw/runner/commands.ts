/** Operations that are programs: script, command, and what kubectl does for Chainsaw. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Bindings, bound, evaluate, filled, statementIn } from './expressions.ts';
import type { Outputs } from './objects.ts';
import { failed } from './objects.ts';
import { type Ran, runProgram } from './program.ts';
import type { Command, Get, Json, PodLogs, Run, Script, Wait } from './schema.ts';
import type { Stage } from './stage.ts';
import { differences } from './tree.ts';

/** How much longer than kubectl itself we wait for `kubectl wait`. */
const GRACE_MS = 30_000;

export async function script(stage: Stage, said: Script): Promise<Outputs> {
  return await run(stage, said, 'sh', () => ['-c', said.content], 'script');
}

export async function command(stage: Stage, said: Command): Promise<Outputs> {
  const what = [said.entrypoint, ...said.args].join(' ');
  const args = (known: NodeJS.ProcessEnv) => said.args.map((arg) => expanded(arg, known));
  return await run(stage, said, said.entrypoint, args, what);
}

/** `$NAME` and `${NAME}`; what is not set stays as it is. */
function expanded(text: string, known: NodeJS.ProcessEnv): string {
  return text.replaceAll(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (whole, braced?: string, bare?: string) => known[braced ?? bare ?? ''] ?? whole,
  );
}

async function run(
  stage: Stage,
  said: Run,
  program: string,
  args: (known: NodeJS.ProcessEnv) => readonly string[],
  what: string,
): Promise<Outputs> {
  const bindings = bound(stage.bindings, said.bindings);
  const environment = { ...environmentOf(stage), ...variables(said.env, bindings) };
  const ran = await runProgram(program, args(environment), {
    folder: stage.folder,
    environment,
    timeoutMs: said.timeout ?? stage.limits.exec,
    signal: stage.signal,
  });
  const { stdout, stderr, error } = ran;
  if (!said.skipLogOutput) tell(stage, ran);
  const known = { ...bindings, stdout, stderr, error };
  const wrong =
    said.check === undefined
      ? error === null
        ? []
        : [error]
      : differences(said.check, null, known);
  if (wrong.length > 0) throw failed(what, [...wrong, ...heard(ran)].join('\n    '));
  const all = bound(known, said.outputs);
  return Object.fromEntries(said.outputs.map(({ name }) => [name, all[name] as Json]));
}

function variables(env: Run['env'], bindings: Bindings): NodeJS.ProcessEnv {
  return Object.fromEntries(
    env.map(({ name, value }) => {
      const text = filled(value, bindings);
      if (typeof text !== 'string') throw failed(`env ${name}`, 'its value is no string');
      return [name, text];
    }),
  );
}

function environmentOf({ environment, namespace, world }: Stage): NodeJS.ProcessEnv {
  return { ...environment, NAMESPACE: namespace, KUBECONFIG: world.kubeconfig };
}

function tell({ say }: Stage, ran: Ran): void {
  for (const line of heard(ran)) say(`    | ${line}`);
}

const heard = ({ stdout, stderr }: Ran): readonly string[] =>
  [stdout, stderr].flatMap((text) => text.trimEnd().split('\n')).filter((line) => line !== '');

export async function sleep(
  { signal }: Stage,
  { duration }: { readonly duration: number },
): Promise<Outputs> {
  await pause(duration, undefined, signal === undefined ? {} : { signal });
  return {};
}

export async function wait(stage: Stage, said: Wait): Promise<Outputs> {
  const timeoutMs = said.timeout ?? stage.limits.exec;
  const until = [`--for=${whatFor(said.for, stage)}`, `--timeout=${timeoutMs / 1000}s`];
  return await kubectl(stage, ['wait', ...(await selection(stage, said)), ...until], timeoutMs);
}

function whatFor(said: Wait['for'], stage: Stage): string {
  if ('deletion' in said) return 'delete';
  const value = (text?: string) => (text === undefined ? '' : `=${filledText(text, stage)}`);
  if ('condition' in said) {
    return `condition=${filledText(said.condition.name, stage)}${value(said.condition.value)}`;
  }
  return `jsonpath=${filledText(said.jsonPath.path, stage)}${value(said.jsonPath.value)}`;
}

export async function get(stage: Stage, said: Get): Promise<Outputs> {
  const format = said.format === undefined ? [] : ['-o', said.format];
  return await kubectl(stage, ['get', ...(await selection(stage, said)), ...format]);
}

export async function describe(stage: Stage, said: Get): Promise<Outputs> {
  return await kubectl(stage, ['describe', ...(await selection(stage, said))]);
}

export async function podLogs(stage: Stage, said: PodLogs): Promise<Outputs> {
  const { container, tail } = said;
  const which = container === undefined ? '--all-containers' : `--container=${container}`;
  const last = tail === undefined ? [] : [`--tail=${tail}`];
  return await kubectl(stage, ['logs', '--prefix', ...named(stage, said), which, ...last]);
}

type Selected = Pick<PodLogs, 'name' | 'namespace' | 'selector'>;

async function selection(
  stage: Stage,
  said: Selected & { readonly apiVersion: string; readonly kind: string },
): Promise<readonly string[]> {
  const of = await stage.world.find(said.apiVersion, said.kind);
  const type = of.group === '' ? of.plural : `${of.plural}.${of.version}.${of.group}`;
  const { namespace, ...others } = said;
  return [type, ...named(stage, of.namespaced ? said : others)];
}

function named(stage: Stage, { name, namespace, selector }: Selected): readonly string[] {
  const where = filledText(namespace ?? stage.namespace, stage);
  const place = where === '*' ? '--all-namespaces' : `--namespace=${where}`;
  if (name !== undefined) return [filledText(name, stage), place];
  return selector === undefined ? [place] : ['-l', filledText(selector, stage), place];
}

function filledText(text: string, { bindings }: Stage): string {
  const statement = statementIn(text);
  return statement === undefined ? text : String(evaluate(statement, null, bindings));
}

async function kubectl(
  stage: Stage,
  args: readonly string[],
  timeoutMs = stage.limits.exec,
): Promise<Outputs> {
  const ran = await runProgram('kubectl', args, {
    folder: stage.folder,
    environment: environmentOf(stage),
    timeoutMs: timeoutMs + GRACE_MS,
    signal: stage.signal,
  });
  tell(stage, ran);
  if (ran.error !== null) {
    throw failed(`kubectl ${args.join(' ')}`, [ran.error, ...heard(ran)].join('\n    '));
  }
  return {};
}
