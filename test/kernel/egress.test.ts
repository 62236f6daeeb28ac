/** The packet hook as it is attached, run on random packets: it passes what the oracle passes. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLab } from '../lab/lab.ts';
import type { EgressStory } from './fixtures/egress-side.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const seed = Number(process.env.TORWACHT_SEED ?? randomInt(2 ** 32));
const cases = Number(process.env.TORWACHT_CASES ?? 20_000);

test(`the packet hook passes and counts what the oracle says (seed ${seed}, ${cases} cases)`, {
  skip,
}, async (t) => {
  const lab = createLab({ name: 'egress' });
  t.after(() => lab.close());
  const script = join(import.meta.dirname, 'fixtures/egress-side.ts');
  const args = [script, String(seed), String(cases)];
  const env = Object.fromEntries(
    ['TORWACHT_ADDON', 'LD_PRELOAD', 'ASAN_OPTIONS', 'UBSAN_OPTIONS'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const ended = await lab.run('host', process.execPath, args, { env, timeout: 240_000 });
  assert.equal(ended.code, 0, ended.stderr);
  const story = JSON.parse(ended.stdout) as EgressStory;
  assert.deepEqual(story.differences.slice(0, 3), [], `seed ${seed}`);
  assert.ok(story.asked > cases / 2, `${story.asked} asked`);
  assert.ok(story.passed > story.asked / 50, `${story.passed} of ${story.asked} passed`);
});
