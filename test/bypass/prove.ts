/**
 * Holds a group's techniques against a ground, as tests of node:test. All attempts are made free first
 * (the controls), then held, in as few runs as their openings allow. An attempt whose control did not
 * get through is skipped with what the probe said; it is never passed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { skip, until } from '../e2e/stage.ts';
import type { Ground, Outcomes } from './ground.ts';
import { judge, type Result } from './judge.ts';
import { createRunGround, type RunGround } from './run-ground.ts';
import { type Attempt, type Group, Missing, type Witness } from './technique.ts';

export function prove(group: Group): void {
  let ground: RunGround | undefined;
  let results: ReadonlyMap<Attempt, Result> = new Map();
  before(async () => {
    if (skip !== false) return;
    ground = await createRunGround(group);
    const attempts = group.techniques.flatMap((one) =>
      one.outcome === 'not-applicable' ? [] : (one.attempts ?? []),
    );
    results = await makeAttempts(ground, attempts);
  });
  after(() => ground?.close());

  for (const technique of group.techniques) {
    if (technique.outcome === 'not-applicable') continue;
    describe(`${technique.id} (${technique.outcome})`, { skip }, () => {
      for (const attempt of technique.attempts ?? []) {
        const doors = (attempt.opened ?? []).map((flag) => ` ${flag}`).join('');
        test(`${attempt.what ?? attempt.step}${doors}`, (t) => {
          const result = results.get(attempt);
          assert.ok(result, 'it was not tried');
          const missing = judge(result);
          if (missing !== undefined) t.skip(missing);
        });
      }
      for (const [title, story] of Object.entries(technique.stories ?? {})) {
        test(title, async (t) => {
          assert.ok(ground);
          try {
            await story(ground);
          } catch (error) {
            if (!(error instanceof Missing)) throw error;
            t.skip(error.message);
          }
        });
      }
    });
  }
}

/** One free run of all, then one held run for each set of openings. */
export async function makeAttempts(
  ground: Ground,
  attempts: readonly Attempt[],
): Promise<ReadonlyMap<Attempt, Result>> {
  const results = new Map<Attempt, Result>();
  for (const [key, batch] of Map.groupBy(attempts, ({ opened = [] }) => opened.join(' '))) {
    const steps = batch.map(({ step }) => step);
    const witnesses = batch.flatMap((one) => ('witness' in one ? [one.witness] : []));
    const start = ground.seen(witnesses);
    const opened = key === '' ? [] : key.split(' ');
    const free = await ground.free(steps, { opened });
    const between = await settled(ground, witnesses, start);
    const run = await ground.held(steps, { opened });
    const end = ground.seen(witnesses);
    let index = 0;
    for (const attempt of batch) {
      const at = 'witness' in attempt ? index++ : -1;
      results.set(attempt, {
        attempt,
        free: said(free, attempt),
        held: said(run.outcomes, attempt),
        seenFree: (between[at] ?? 0) - (start[at] ?? 0),
        seenHeld: (end[at] ?? 0) - (between[at] ?? 0),
        run,
      });
    }
  }
  return results;
}

const said = (outcomes: Outcomes, { step }: Attempt): string => outcomes[step] ?? 'nothing';

/** So long nothing came where something is still missing, ms. */
const QUIET = 1500;

/** Servers write down what came a little after the sender has ended: waits until nothing more comes. */
async function settled(
  ground: Ground,
  witnesses: readonly Witness[],
  start: readonly number[],
): Promise<readonly number[]> {
  let last = ground.seen(witnesses);
  let since = performance.now();
  await until(
    () => {
      const now = ground.seen(witnesses);
      const calm = now.every((seen, at) => seen === last[at]);
      if (!calm) since = performance.now();
      last = now;
      const whole = now.every((seen, at) => seen > (start[at] ?? 0));
      return calm && (whole || performance.now() - since > QUIET);
    },
    'quiet on the other side',
    1000,
  );
  return last;
}
