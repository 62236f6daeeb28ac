/**
 * The attach strategy: a script lies in the volume that all containers share, the container's own shell,
 * which reads its standard input, is told to run it, and what it prints goes to a file that is read through
 * the helper. So the job's processes are children of the container's first one, as with the real runner.
 */
import type { Job } from '../job.ts';
import { logFile, scriptsDir } from '../pod/containers.ts';
import { type Cluster, Lost, type Place, type Typing } from './cluster.ts';
import type { JobLog } from './log.ts';
import type { Stage } from './stages.ts';
import { quote } from './stages.ts';
import { type Sleep, SystemFailure } from './wait.ts';

export interface Attached {
  readonly cluster: Cluster;
  readonly place: Place;
  readonly job: Job;
  readonly log: JobLog;
  /** Seconds since 1970. */
  now(): number;
  sleep: Sleep;
}

/** The line by which a script's end is told, in the file of its output. */
interface Trap {
  readonly command_exit_code: number;
  readonly script: string;
}

/** s between two looks at the output */
const LOOK = 0.5;

/** Where in the output the next stage begins. */
export interface Reading {
  offset: number;
}

/** Runs one stage; its exit status. @throws SystemFailure */
export async function runStage(run: Attached, stage: Stage, reading: Reading): Promise<number> {
  const { cluster, place, job } = run;
  const path = `${scriptsDir(job)}/${stage.name}`;
  try {
    const store = ['sh', '-c', 'cat > "$1" && chmod 755 "$1"', 'sh', path];
    await cluster.exec(place, 'helper', store, stage.script);
    const typing = cluster.type(place, stage.container, command(path, logFile(job)));
    try {
      return await follow(run, path, reading, typing);
    } finally {
      await typing.end();
    }
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
    throw await whatHappened(run, error);
  }
}

/** In the background: the shell stays free to be told the next one. */
function command(path: string, log: string): string {
  const told = JSON.stringify({ command_exit_code: '%d', script: path }).replace('"%d"', '%d');
  const trap = `printf '\\n%s\\n' "$(printf ${quote(told)} $?)"`;
  return `(sh ${quote(path)} < /dev/null; ${trap}) >> ${quote(log)} 2>&1 &\n`;
}

async function follow(
  run: Attached,
  path: string,
  reading: Reading,
  typing: Typing,
): Promise<number> {
  const { cluster, place, job, log } = run;
  const until = run.now() + job.timeout;
  for (;;) {
    const read = ['tail', '-c', `+${reading.offset + 1}`, logFile(job)];
    const text = await cluster.exec(place, 'helper', read);
    const { output, rest, code } = splitAtTrap(text, path);
    log.raw(output);
    reading.offset += Buffer.byteLength(text) - Buffer.byteLength(rest);
    if (code !== null) return code;
    const lost = typing.lost();
    if (lost !== null) throw lost;
    if (run.now() >= until) throw new JobTimeout();
    await run.sleep(LOOK);
  }
}

export class JobTimeout extends Error {}

/** What a script printed, up to the line that ends it; `rest` is not whole yet and read again. */
export function splitAtTrap(
  text: string,
  path: string,
): { output: string; rest: string; code: number | null } {
  let at = 0;
  for (let end = text.indexOf('\n', at); end >= 0; at = end + 1, end = text.indexOf('\n', at)) {
    const code = readTrap(text.slice(at, end), path);
    // The empty line before it is the trap's, but stands in the real runner's log as well.
    if (code !== null) return { output: text.slice(0, at), rest: text.slice(end + 1), code };
  }
  return { output: text.slice(0, at), rest: text.slice(at), code: null };
}

function readTrap(line: string, path: string): number | null {
  if (!line.startsWith('{"command_exit_code":')) return null;
  try {
    const trap = JSON.parse(line) as Partial<Trap>;
    return trap.script === path && Number.isInteger(trap.command_exit_code)
      ? (trap.command_exit_code as number)
      : null;
  } catch {
    return null;
  }
}

async function whatHappened({ cluster, place }: Attached, lost: Lost): Promise<SystemFailure> {
  const name = `${place.namespace}/${place.pod}`;
  const status = await cluster.status(place).catch(() => undefined);
  if (status === null) return new SystemFailure(`pod "${name}" is deleted`);
  if (status?.deleting) return new SystemFailure(`pod "${name}" is being deleted`);
  if (status?.phase === 'Failed') return new SystemFailure(`pod "${name}" status is failed`);
  return new SystemFailure(lost.message);
}
