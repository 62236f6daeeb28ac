/** Mounts of the host that a sandbox meets: below the working folder, and after its start. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { outside, sandbox, skip } from './fixture.ts';

test('mounts below the working folder do not become doors', { skip }, async (t) => {
  const box = sandbox(t);
  const mark = `torwacht-test-${process.pid}`;
  // Only where the protection is broken is there anything to remove.
  t.after(() => {
    for (const place of ['/', '/etc', '/usr', '/var']) rmSync(join(place, mark), { force: true });
  });
  const names = ['cgroup2', 'proc', 'bpf', 'sysfs'];
  for (const name of [...names, 'root', 'etc']) mkdirSync(join(box.cwd, name));
  // A mount table of the test's own: it ends with the process.
  const script = `
    set -e
    cd ${box.cwd}
    mount -t cgroup2 none cgroup2; mount -t proc none proc; mount -t bpf none bpf; mount -t sysfs none sysfs
    mount --bind / root; mount --bind /etc etc
    exec "$@"`;
  const inner = `
    import { sandbox } from ${JSON.stringify(join(import.meta.dirname, 'fixture.ts'))};
    import { test } from 'node:test';
    test('inner', async (t) => {
      const box = sandbox(t);
      const { stdout } = await box.run(
        'ls -A cgroup2 proc bpf sysfs; for p in root/etc root root/var etc . root/usr; do (: > $p/${mark}) 2>/dev/null && echo "wrote $p"; done; echo end',
        { cwd: ${JSON.stringify(box.cwd)} });
      console.log('RESULT ' + JSON.stringify(stdout));
    });`;
  const file = join(box.home, 'inner.test.ts');
  writeFileSync(file, inner);
  const out = await outside(
    'unshare',
    ...['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, file],
  );
  const result = /RESULT (.*)/.exec(out)?.[1];
  assert.ok(result !== undefined, out);
  const lines = (JSON.parse(result) as string).split('\n').filter(Boolean);
  assert.deepEqual(lines, ['bpf:', 'cgroup2:', 'proc:', 'sysfs:', 'wrote .', 'end']);
});

test('what the host mounts later does not appear inside', { skip }, async (t) => {
  const box = sandbox(t);
  mkdirSync(join(box.cwd, 'late'));
  const script = `
    set -e
    mount --make-rshared /
    "$@" &
    while [ ! -e ${box.cwd}/up ]; do sleep 0.01; done
    mount -t tmpfs none ${box.cwd}/late
    touch ${box.cwd}/late/seen ${box.cwd}/mounted
    wait`;
  const inner = `
    import { sandbox } from ${JSON.stringify(join(import.meta.dirname, 'fixture.ts'))};
    import { test } from 'node:test';
    test('inner', async (t) => {
      const box = sandbox(t);
      const { stdout } = await box.run(
        'touch up; while [ ! -e mounted ]; do sleep 0.01; done; ls late; echo end',
        { cwd: ${JSON.stringify(box.cwd)} });
      console.log('RESULT ' + JSON.stringify(stdout));
    });`;
  const file = join(box.home, 'inner.test.ts');
  writeFileSync(file, inner);
  const out = await outside(
    'unshare',
    ...['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, file],
  );
  assert.match(out, /RESULT "end"/);
});
