/** The command line, with programs in place of kubectl. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pod } from './pod/pod.ts';

function run(...args: string[]) {
  const program = join(import.meta.dirname, 'main.ts');
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 60_000 });
}

function file(context: TestContext, text: string, mode = 0o644): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-main-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'file');
  writeFileSync(path, text, { mode });
  return path;
}

test('help says what there is', () => {
  const { status, stdout } = run('--help');
  assert.equal(status, 0);
  for (const flag of [
    '--image',
    '--script',
    '--barrier',
    '--pod-spec',
    '--kubectl',
    '--print-pod',
  ]) {
    assert.ok(stdout.includes(flag), flag);
  }
});

test('a command line that is wrong ends with 2', () => {
  for (const args of [
    [],
    ['--image'],
    ['--image', 'x', '--timeout', '-1'],
    ['--image', 'x', '--none'],
  ]) {
    const { status, stderr } = run(...args);
    assert.equal(status, 2, args.join(' '));
    assert.notEqual(stderr, '');
  }
});

test('the pod is printed: the barrier first, whatever other patches add', (t) => {
  const other = file(t, 'initContainers:\n  - name: warm-up\n    image: w\n');
  const { status, stdout, stderr } = run(
    ...[
      '--image',
      'node:24',
      '--barrier',
      'torwacht-barrier:1',
      '--pod-spec',
      other,
      '--print-pod',
    ],
    ...['--service', 'redis:7=cache', '--project', 'shop/team/cart', '--variable', 'A=b=c'],
  );
  assert.equal(status, 0, stderr);
  const { spec, metadata } = JSON.parse(stdout) as Pod;
  assert.deepEqual(
    spec.initContainers?.map(({ name }) => name),
    ['torwacht-barrier', 'warm-up', 'init-permissions'],
  );
  assert.deepEqual(
    spec.containers.map(({ name, image }) => `${name} ${image}`),
    ['build node:24', 'helper node:24', 'cache redis:7'],
  );
  assert.ok(spec.containers[0]?.env?.some(({ name, value }) => name === 'A' && value === 'b=c'));
  assert.equal(metadata.labels['project.runner.gitlab.com/namespace'], 'shop_team');
  assert.match(metadata.name, /^runner-t1fakefak-project-42-concurrent-0-[a-z0-9]{8}$/);
});

test('a pod that is refused ends with 3, and the log says why', (t) => {
  const said =
    'Error from server: error when creating "STDIN": admission webhook "w" denied the request: no';
  const kubectl = file(t, `#!/bin/sh\ncat > /dev/null\necho '${said}' >&2\nexit 1\n`, 0o755);
  const { status, stdout } = run('--image', 'x', '--kubectl', kubectl);
  assert.equal(status, 3);
  assert.match(
    stdout,
    /setting up build pod: admission webhook "w" denied the request: no\. Check/,
  );
});

test('without kubectl it says so', () => {
  const { status, stderr } = run('--image', 'x', '--kubectl', '/nonexistent/kubectl');
  assert.equal(status, 2);
  assert.match(stderr, /^fake-runner: .*ENOENT/);
});
