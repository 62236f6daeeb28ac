/** A program of the node that dies and comes back, while everything else of it goes on. */
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';
import type { Place } from './names.ts';
import { cgroup2 } from './node/cgroups.ts';
import { lives, onNode, runOnNode, startLasting } from './node/node.ts';
import { first, second } from './node/programs.ts';
import { runningRecord, writeRecord } from './record.ts';
import { waitFor } from './wait.ts';

/** Kills it as a crash would, starts it again and waits until `answers` ends well on the node. */
export async function restart(
  at: Place,
  name: string,
  [ask = '', ...args]: readonly string[],
): Promise<void> {
  const record = runningRecord(at);
  const old = record?.programs.find((program) => program.name === name);
  const program = [...first, ...second].find((one) => one.name === name);
  if (record === undefined || old === undefined || program === undefined) {
    throw failure(errors.down, { name: at.id });
  }
  process.kill(old.pid, 'SIGKILL');
  await waitFor(`${name} has ended`, () => !lives(old), { everyMs: 10 });
  const line = onNode(record.node, program.command, program.args);
  const { pid, start } = startLasting(at, join(cgroup2(at.id), 'node'), name, line);
  const programs = record.programs.map((one) => (one === old ? { name, pid, start } : one));
  writeRecord(at, { ...record, programs });
  await waitFor(`${name} answers`, () => runOnNode(record.node, ask, args).code === 0);
}
