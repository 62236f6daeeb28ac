/** One operation of a step, whatever it is. */
import * as commands from './commands.ts';
import * as objects from './objects.ts';
import type { Operation } from './schema.ts';
import type { Stage } from './stage.ts';

type Name = Exclude<keyof Operation, 'description'>;

const table: {
  readonly [N in Name]: (stage: Stage, said: NonNullable<Operation[N]>) => Promise<objects.Outputs>;
} = {
  apply: (stage, said) => objects.write(stage, 'apply', said),
  create: (stage, said) => objects.write(stage, 'create', said),
  patch: (stage, said) => objects.write(stage, 'patch', said),
  delete: objects.remove,
  assert: objects.assert,
  error: objects.refute,
  script: commands.script,
  command: commands.command,
  sleep: commands.sleep,
  wait: commands.wait,
  get: commands.get,
  describe: commands.describe,
  events: (stage, said) => commands.get(stage, { ...said, apiVersion: 'v1', kind: 'Event' }),
  podLogs: commands.podLogs,
};

const names = Object.keys(table) as readonly Name[];

/** Which one it says. */
export function nameOfOperation(operation: Operation): Name {
  return names.find((name) => operation[name] !== undefined) ?? 'sleep';
}

/** Gives what it outputs. @throws TW_E2E_* with what differs */
export async function operate(stage: Stage, operation: Operation): Promise<objects.Outputs> {
  return await operateAs(stage, operation, nameOfOperation(operation));
}

async function operateAs<N extends Name>(
  stage: Stage,
  operation: Operation,
  name: N,
): Promise<objects.Outputs> {
  const said = operation[name];
  return said === undefined ? {} : await table[name](stage, said);
}
