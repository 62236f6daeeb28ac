import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { preparePins, sweepPins } from './pod-pins.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

/** A BPF file system of the test's own: not every file system takes what a pin's folder holds. */
function bpffs(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'torwacht-pins-'));
  execFileSync('mount', ['-t', 'bpf', 'bpf', path]);
  t.after(() => {
    execFileSync('umount', [path]);
    rmdirSync(path);
  });
  return join(path, 'pods');
}

test('the folder of a pod whose cgroup is gone goes, that of a living one stays', { skip }, (t) => {
  const root = bpffs(t);
  assert.deepEqual(
    sweepPins(root, () => false),
    [],
  );
  for (const name of ['a', 'b']) preparePins(join(root, name), `/kubepods/pod${name}`);
  const living = new Set(['/kubepods/poda', '/kubepods/podb']);
  const exists = (name: string): boolean => living.has(name);
  assert.deepEqual(sweepPins(root, exists), []);
  living.delete('/kubepods/podb');
  assert.deepEqual(sweepPins(root, exists), ['b']);
  assert.deepEqual(readdirSync(root), ['a']);
});

test('a pod’s folder is prepared again after another agent did', { skip }, (t) => {
  const root = bpffs(t);
  const folder = join(root, 'a');
  preparePins(folder, '/old');
  preparePins(folder, '/new');
  preparePins(folder, '/new');
  assert.deepEqual(
    sweepPins(root, (name) => name === '/new'),
    [],
  );
  assert.deepEqual(
    sweepPins(root, (name) => name === '/old'),
    ['a'],
  );
});

test('a folder that says nothing goes where it is empty, and stays where it is not', {
  skip,
}, (t) => {
  const root = bpffs(t);
  for (const name of ['empty', 'full/pin']) mkdirSync(join(root, name), { recursive: true });
  assert.deepEqual(
    sweepPins(root, () => false),
    ['empty'],
  );
  assert.deepEqual(readdirSync(root), ['full']);
  rmSync(join(root, 'full'), { recursive: true });
});
