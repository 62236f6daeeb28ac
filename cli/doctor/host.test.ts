/** `torwacht doctor` on this host: what is tried for real. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { torwacht } from '../testing.ts';

test('this host: what the tests themselves need is there', async () => {
  const { status, stdout } = await torwacht('doctor', '--json', '--for', 'run');
  const { failed, groups } = JSON.parse(stdout);
  const levels = new Map<string, string>(
    groups[0].findings.map((one: { check: string; level: string }) => [one.check, one.level]),
  );
  assert.equal(status, failed === 0 ? 0 : 1);
  const root = process.getuid?.() === 0;
  assert.equal(levels.get('kernel'), root ? 'pass' : 'warn', stdout);
  assert.equal(levels.get('cgroup'), 'pass', stdout);
  assert.equal(levels.get('bubblewrap'), 'pass', stdout);
  assert.ok(!levels.has('runtime'));
});

test('an agent’s: rules are put into a network namespace, and nothing of it stays', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can try nftables');
  const { stdout } = await torwacht('doctor', '--json', '--for', 'agent');
  const { findings } = JSON.parse(stdout).groups[0];
  const found = findings.find((one: { check: string }) => one.check === 'nftables');
  assert.equal(found.level, 'pass', found.sentence);
  assert.ok(!findings.some((one: { check: string }) => one.check === 'bubblewrap'));
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  const left = children.split(' ').filter((pid) => pid !== '' && commandOf(pid) === 'sleep');
  assert.deepEqual(left, []);
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

test('a socket at which nobody speaks containerd’s language is a refusal, not an error', async () => {
  const { status, stdout } = await torwacht(
    ...['doctor', '--json', '--for', 'agent', '--containerd', import.meta.filename],
  );
  assert.equal(status, 1, stdout);
  assert.match(stdout, /containerd does not answer at .*host\.test\.ts/);
});
