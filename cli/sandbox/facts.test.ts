import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { procEntries } from './facts.ts';

test('entries of /proc are read while processes end', { timeout: 120_000 }, (t) => {
  const forks = 'while :; do (:) & (:) & (:) & (:) & wait; done';
  for (const _ of [1, 2]) {
    const forking = spawn('sh', ['-c', forks], { stdio: 'ignore' });
    t.after(() => void forking.kill('SIGKILL'));
  }
  // Read with their types, one in 500 failed.
  for (let i = 0; i < 5000; i++) {
    const entries = procEntries();
    assert.ok(entries.includes('sys'));
    assert.ok(!entries.includes('self') && !entries.includes(String(process.pid)));
  }
});
