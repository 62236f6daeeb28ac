/** Programs that are run to their end, however long they take. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { failure } from '#api/error.ts';
import { PATH } from '../lab/execute.ts';
import { errors } from './errors.ts';

/** @param input a file for its standard input @throws TW_CLUSTER_COMMAND with its last words */
export async function run(command: string, args: readonly string[], input?: string): Promise<void> {
  const stdin = openSync(input ?? '/dev/null', 'r');
  const child = spawn(command, args, {
    stdio: [stdin, 'pipe', 'pipe'],
    // The caller's own: proxies, and where an engine listens, are told to these tools so.
    env: { ...process.env, PATH, LC_ALL: 'C.UTF-8' },
  });
  closeSync(stdin);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000);
    });
  }
  const code = await new Promise<number | null>((done) => {
    child.once('error', (error) => {
      said = `${error.message}. Is it installed?`;
      done(null);
    });
    child.once('close', done);
  });
  if (code === 0) return;
  const line = [command, ...args].join(' ');
  throw failure(errors.command, { command: line, reason: said.trim(), logs: 'the text above' });
}
