/** Every image, built twice from nothing: the same each time, small enough, and with nothing in it that nobody wants. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const skip = process.getuid?.() === 0 ? false : 'buildah needs root here';

test('make images-check finds nothing wrong', { skip }, () => {
  const check = join(import.meta.dirname, '../../scripts/images/check.ts');
  const done = spawnSync(process.execPath, [check], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stdout + done.stderr);
  for (const name of ['agent', 'operator', 'webhook', 'barrier']) {
    assert.match(done.stdout, new RegExp(`^torwacht-${name} .* the same, .* holds$`, 'm'));
  }
});
