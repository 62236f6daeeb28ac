/** The built barrier in a lab, and what it said. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';

export const BARRIER = join(import.meta.dirname, '../../build/barrier');

export const skip = unable();

function unable(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  return existsSync(BARRIER) ? false : 'needs a build (make)';
}

/** Whom it asks, and the addresses by which it proves that it is held. */
export const SERVER = '192.0.2.254';
export const PROBES = ['192.0.2.252', '192.0.2.253'] as const;
export const NAME = '_torwacht.attached.local';
export const TEXT =
  'attached protocol=1 version=0.1.0 mode=block policy=0123456789abcdef guards=none';

export interface Said {
  readonly torwacht: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly waited_ms: number;
  readonly attempts: number;
  readonly mode?: string;
  readonly policy?: string;
  readonly version?: string;
}

/** The one line of JSON that stands on one of the two streams; the other one must be empty. */
export function saidBy({
  code,
  stdout,
  stderr,
}: {
  code: unknown;
  stdout: string;
  stderr: string;
}): Said {
  const [line, other] = code === 0 ? [stdout, stderr] : [stderr, stdout];
  assert.equal(other, '');
  assert.match(line, /^\{[ -~]+\}\n$/, 'one line of plain ASCII');
  const said = JSON.parse(line) as Said;
  assert.equal(said.torwacht, 'barrier');
  assert.ok(said.message !== '' && said.hint !== '', line);
  return said;
}

export interface Outcome {
  readonly exit: number | null;
  readonly said: Said;
}

/** Runs it where nothing is enforced. */
export async function run(
  lab: Lab,
  args: readonly string[] = ['--deadline', '1s'],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const ended = await lab.run('host', BARRIER, args, { env });
  return { exit: ended.code, said: saidBy(ended) };
}
