/** Starts parents, built under sanitizers, each with an agent in small (agent.ts), and reads what that says. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, type TestContext } from 'node:test';

const SOURCES = join(import.meta.dirname, '..');

export interface Run {
  readonly process: ChildProcess;
  /** The next of the agent's. */
  line(): Promise<string>;
  /** What the parent has said itself, messages alone. */
  said(): readonly string[];
  /** Its status, or the signal that ended it. */
  end(): Promise<number | string>;
}

/** A folder for the tests of one file, with the program in it; gone when they are over. */
export function buildParent(): { readonly folder: string; readonly parent: string } {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-parent-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const parent = join(folder, 'parent');
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  execFileSync('gcc', [
    ...['-std=gnu11', '-g', '-O1', '-Wall', '-Wextra', '-Werror'],
    ...['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-o', parent],
    ...sources.map((name) => join(SOURCES, name)),
  ]);
  return { folder, parent };
}

let last = 0;

/** `state`: the folder of the node by which parents find each other. */
export function runParent(
  t: TestContext,
  { folder, parent }: ReturnType<typeof buildParent>,
  story: string,
  state = '',
): Run {
  const agent = join(import.meta.dirname, 'agent.ts');
  const file = join(folder, `lives-${++last}`);
  const child = spawn(parent, [process.execPath, agent, story, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', TORWACHT_STATE: state },
  });
  t.after(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    said.push(/"msg":"(.*)"/.exec(line)?.[1] ?? line);
  });
  const ended = once(child, 'exit');
  return {
    process: child,
    line: async () => String((await lines.next()).value),
    said: () => said,
    end: async () => {
      const [code, signal] = await ended;
      return code ?? signal;
    },
  };
}

/** A datagram to one of an agent's sockets. */
export function sendTo(port: number, text: string): void {
  execFileSync('bash', ['-c', 'echo -n "$1" > /dev/udp/127.0.0.1/$0', String(port), text]);
}
