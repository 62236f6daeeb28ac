/** Cases one after another, and the cluster as it was before them. */
import { join } from 'node:path';
import type { Plan } from './plan.ts';
import { runProgram } from './runner/program.ts';
import type { Case } from './runner/read.ts';
import { type Outcome, type RunOptions, runCase } from './runner/run-case.ts';

const GROUND = join(import.meta.dirname, 'ground');
export const CASES = join(import.meta.dirname, 'cases');
/** An uninstall waits for agents, and a namespace for its pods. */
const AWAY_MS = 600_000;

export async function runPlan(
  { cases, values, takeAwayFirst }: Plan,
  known: readonly Case[],
  options: Omit<RunOptions, 'values'>,
): Promise<readonly Outcome[]> {
  if (takeAwayFirst) await takeAway(options);
  const outcomes: Outcome[] = [];
  try {
    for (const one of known.filter(({ name }) => cases.includes(name))) {
      if (options.signal?.aborted) break;
      outcomes.push(await runCase(one, { ...options, values }));
    }
  } finally {
    // Nothing where the case uninstall has done it, and where Torwacht is not of ours.
    await takeAway(options);
  }
  return outcomes;
}

async function takeAway({ world, environment, say }: Omit<RunOptions, 'values'>): Promise<void> {
  const ran = await runProgram('sh', [join(GROUND, 'take-away.sh')], {
    folder: GROUND,
    environment: { ...environment, KUBECONFIG: world.kubeconfig },
    timeoutMs: AWAY_MS,
    signal: undefined,
  });
  if (ran.error === null) return;
  say(`Not everything could be removed: ${ran.error}\n${ran.stdout}${ran.stderr}`);
}
