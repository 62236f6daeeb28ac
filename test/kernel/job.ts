/** A job that works while its agent dies and is replaced: a download, look-ups, and tries to get out. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Lab } from '../lab/lab.ts';

/** A program that says one thing when it is ready, where it does, and one at its end. */
export interface Worker {
  /** Closes its input. */
  stop(): void;
  /** Its next line; throws when it ends without one. */
  line(): Promise<string>;
}

export interface Job {
  readonly download: Worker;
  readonly lookups: Worker;
  readonly hammer: Worker;
  readonly server: Worker;
}

export interface JobPlace {
  /** Its internet has the server. */
  readonly lab: Lab;
  /** Starts the built program where it is held, with pipes. */
  run(args: readonly string[]): ChildProcess;
}

export interface JobPlan {
  /** What is downloaded from, by its address: the name was looked up before. */
  readonly good: { readonly address: string; readonly port: number };
  readonly name: string;
  readonly bad: { readonly address: string; readonly port: number };
}

/** A download that lasts until it is stopped; then its line says how many bytes each connection got. */
export async function startServer(lab: Lab, good: JobPlan['good']): Promise<Worker> {
  lab.addAddress(good.address);
  const script = join(import.meta.dirname, 'fixtures/trickle.ts');
  const args = [script, good.address, String(good.port)];
  const stdio = ['pipe', 'pipe', 'inherit'] as const;
  const server = worker(lab.spawn('net', process.execPath, args, { stdio: [...stdio] }));
  await server.line();
  return server;
}

/** Builds job.c; `by` and its flags may make it one that needs no libraries. */
export function buildJob(folder: string, by = 'gcc', ...flags: readonly string[]): string {
  const program = join(folder, 'job');
  const source = join(import.meta.dirname, 'job.c');
  const warnings = ['-Wall', '-Wextra', '-Werror'];
  execFileSync(by, ['-O1', ...warnings, '-pthread', ...flags, '-o', program, source]);
  return program;
}

/** `open` lets the download's address be reached for a moment, perhaps too short a one on a busy machine. */
export async function startJob(
  { lab, run }: JobPlace,
  { good, name, bad }: JobPlan,
  open: () => Promise<void>,
): Promise<Job> {
  const server = await startServer(lab, good);
  const start = (...args: string[]) => worker(run(args));
  for (let tries = 0; ; tries++) {
    await open();
    const download = start('download', good.address, String(good.port));
    const said = await download.line();
    if (said === 'open') {
      const lookups = start('lookups', name);
      return { server, download, lookups, hammer: start('hammer', bad.address, String(bad.port)) };
    }
    if (tries === 5) throw new Error(`the download does not begin: ${said}`);
  }
}

/** Ends look-ups or a hammer: how many there were, and how many of them went wrong, or through. */
async function count(one: Worker): Promise<{ tried: number; other: number }> {
  one.stop();
  const [, tried = 0, , other = 0] = (await one.line()).split(' ').map(Number);
  return { tried, other };
}

/** Ends all of it and says how it went. */
export async function finish({ server, download, lookups, hammer }: Job) {
  const asked = await count(lookups);
  const attempts = await count(hammer);
  server.stop();
  // The first of its connections is the download; later ones are probes that look whether it lets them.
  const sent = `bytes ${(await server.line()).split(' ')[1]}`;
  const received = await download.line();
  return {
    lookups: { tried: asked.tried, failed: asked.other },
    hammer: { attempts: attempts.tried, passed: attempts.other },
    sent,
    received,
  };
}

function worker(child: ChildProcess): Worker {
  if (!child.stdout || !child.stdin) throw new Error('a worker has no pipes');
  const { stdin } = child;
  stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    stop: () => void stdin.end(),
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`a worker ended with ${child.exitCode ?? child.signalCode}`);
      return value;
    },
  };
}
