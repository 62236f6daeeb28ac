/** Starts a server in a lab's internet and waits until it serves. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '#api/error.ts';
import { errors } from '../errors.ts';
import type { Lab } from '../lab.ts';
import type { Side } from '../namespaces.ts';
import { endGroup } from '../processes.ts';

export interface Server {
  readonly pid: number;
  /** Ends it at once; what it logged stays readable until the lab closes. */
  stop(): Promise<void>;
}

export interface ServerPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The internet's side unless told. */
  readonly side?: Side;
  /** Looked at every 10 ms. */
  readonly ready: (output: string) => boolean;
}

const PATIENCE_MS = 20_000;

/** @throws TW_LAB_NOT_READY with what the server said, when it ends or takes more than 20 s */
export async function startServer(lab: Lab, plan: ServerPlan): Promise<Server> {
  const path = freePath(lab, `${plan.name}.out`);
  const output = openSync(path, 'w');
  const child = lab.spawn(plan.side ?? 'net', plan.command, plan.args, {
    stdio: ['ignore', output, output],
    ...(plan.env === undefined ? {} : { env: plan.env }),
  });
  closeSync(output);
  let broken: Error | undefined;
  child.once('error', (error) => {
    broken = error;
  });
  for (let waited = 0; !plan.ready(readFileSync(path, 'utf8')); waited += 10) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (broken !== undefined || ended || waited > PATIENCE_MS) {
      await stop(child);
      const said = broken?.message ?? readFileSync(path, 'utf8').trim();
      throw failure(errors.notReady, { server: plan.name, reason: said || 'it said nothing' });
    }
    await sleep(10);
  }
  return { pid: child.pid ?? 0, stop: () => stop(child) };
}

/** Runs one of the server programs beside this file; its only argument is a JSON file. */
export function startOwnServer(
  lab: Lab,
  name: string,
  config: object,
  side: Side = 'net',
): Promise<Server> {
  const path = freePath(lab, `${name}.json`);
  writeFileSync(path, JSON.stringify(config));
  return startServer(lab, {
    name,
    side,
    command: process.execPath,
    args: [join(import.meta.dirname, `${name}-process.ts`), path],
    ready: (output) => output.startsWith('ready'),
  });
}

/** A path in the lab's folder that nothing has yet: several servers of a kind may run. */
export function freePath(lab: Lab, name: string): string {
  for (let number = 1; ; number++) {
    const path = join(lab.folder, `${number}-${name}`);
    if (existsSync(path)) continue;
    writeFileSync(path, '');
    return path;
  }
}

/** One JSON value per line, as the servers log. A line that is still being written is left out. */
export function readLines<T>(path: string): T[] {
  const whole = readFileSync(path, 'utf8');
  return whole
    .slice(0, whole.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((done) => child.once('exit', done));
  endGroup(child);
  await gone;
}
