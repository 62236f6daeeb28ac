/**
 * Packets and connects in sequence, over sockets that remember: the hooks in C, in the kernel and as the
 * host's compiler made them, do what the model says, while policies change and addresses expire.
 * TORWACHT_SEED=… asks the same again, TORWACHT_CASES=… asks more.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLab } from '../lab/lab.ts';
import { assertReached, branchTable } from './differential/branches.ts';
import type { SequenceStory } from './fixtures/sequence-side.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const seed = Number(process.env.TORWACHT_SEED ?? randomInt(2 ** 32));
const cases = Number(process.env.TORWACHT_CASES ?? 40_000);

test(`hooks that remember do what the model says (seed ${seed}, ${cases} cases)`, {
  skip,
}, async (t) => {
  const lab = createLab({ name: 'sequence' });
  t.after(() => lab.close());
  const script = join(import.meta.dirname, 'fixtures/sequence-side.ts');
  const env = Object.fromEntries(
    ['TORWACHT_ADDON', 'LD_PRELOAD', 'ASAN_OPTIONS', 'UBSAN_OPTIONS'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const args = [script, String(seed), String(cases)];
  const ended = await lab.run('host', process.execPath, args, { env, timeout: 1_400_000 });
  assert.equal(ended.code, 0, ended.stderr);
  const story = JSON.parse(ended.stdout) as SequenceStory;
  assert.deepEqual(story.differences, [], `seed ${seed}`);
  assert.ok(story.asked >= cases, `${story.asked} asked`);
  t.diagnostic(branchTable(story.branches, story.asked));
  assertReached(story.branches, story.asked);
});
