/** The fuzzer for a fixed number of inputs from a fixed seed: what `make fuzz` does for longer. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const RUNS = 200_000;

test(`${RUNS} packets keep what must hold of the packet hook`, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-fuzz-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const fuzzer = join(root, 'build/fuzz/packet');
  const args = [`-runs=${RUNS}`, '-seed=1', '-max_len=1024', folder];
  const ended = spawnSync(fuzzer, args, { cwd: folder, encoding: 'utf8', timeout: 240_000 });
  assert.equal(ended.error, undefined, 'run make build/fuzz/packet');
  assert.equal(ended.status, 0, ended.stderr.slice(-3000));
  assert.match(ended.stderr, new RegExp(`Done ${RUNS} runs`));
});
