/** Runs the victim's job under torwacht, lets the viewer read along, and keeps what was printed. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { paint, quote, say } from './telling.ts';
import type { World } from './world.ts';

const RUN = ['run', '--policy', 'policy.yaml', '--project', '4711', '--job', 'install'] as const;
const COMMAND = ['npm', 'ci'] as const;

export interface JobEnded {
  readonly code: number | null;
  readonly installed: boolean;
  /** The package came over the network. */
  readonly fetched: boolean;
  /** Lines of standard output and error, in the order in which they came. */
  readonly lines: readonly string[];
}

/** @param torwacht path of the command @param flags of `torwacht run`, besides those of every job */
export async function runJob(
  world: World,
  torwacht: string,
  flags: readonly string[],
): Promise<JobEnded> {
  const args = [...RUN, ...flags, '--', ...COMMAND];
  say(paint('bold', `  $ torwacht ${args.join(' ')}`));
  const cwd = world.project();
  // A cache of its own: what an earlier job has fetched would be found there.
  const env = { ...world.env, npm_config_cache: join(cwd, '.npm') };
  const before = world.packetsToRegistry();
  const child = world.lab.spawn('host', torwacht, args, { cwd, env });
  const ended = once(child, 'exit');
  const lines: string[] = [];
  const follow = async (stream: Readable | null): Promise<void> => {
    if (stream === null) return;
    for await (const line of createInterface({ input: stream })) {
      lines.push(line);
      quote(line);
    }
  };
  await Promise.all([follow(child.stdout), follow(child.stderr)]);
  const [code] = (await ended) as [number | null];
  const installed = existsSync(join(cwd, 'node_modules/demo-dates/package.json'));
  return { code, installed, fetched: world.packetsToRegistry() > before, lines };
}
