import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';

import {
  type Cgroup,
  cgroupOf,
  cgroupPath,
  createCgroup,
  isPopulated,
  levelOf,
  membersOf,
  newCgroupId,
  parseOwnCgroup,
  removeCgroup,
} from './cgroup.ts';
import { freeze, isFrozen, killAll, thaw } from './end.ts';

const needsRoot = process.getuid?.() === 0 ? false : 'needs root';

function ownCgroup(t: TestContext): Cgroup {
  const cgroup = createCgroup(cgroupOf('self'), `test-${newCgroupId()}`);
  t.after(async () => {
    await killAll(cgroup.path);
    removeCgroup(cgroup.path);
    assert.equal(existsSync(cgroup.path), false);
  });
  return cgroup;
}

/** A shell that enters the cgroup and then runs the script; resolves when it has said something. */
async function start(path: string, script: string) {
  const child = spawn(
    'sh',
    ['-c', `echo 0 > "$1/cgroup.procs" && echo in && ${script}`, 'sh', path],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  return child;
}

test('the v2 line of /proc/<pid>/cgroup is found among v1 lines', () => {
  assert.equal(parseOwnCgroup('4:memory:/a\n0::/user.slice/x\n'), '/user.slice/x');
  assert.equal(parseOwnCgroup('4:memory:/a\n'), undefined);
  assert.equal(parseOwnCgroup('0::/gone (deleted)\n'), '/gone');
});

test('a mount that shows a part of the tree shifts the folder', () => {
  assert.equal(cgroupPath('/', { root: '/', path: '/cg' }), '/cg');
  assert.equal(cgroupPath('/a/b', { root: '/', path: '/cg' }), '/cg/a/b');
  assert.equal(cgroupPath('/a/b', { root: '/a', path: '/cg' }), '/cg/b');
  assert.equal(cgroupPath('/a', { root: '/a', path: '/cg' }), '/cg');
  for (const [name, root] of [
    ['/ab', '/a'],
    ['/../x', '/'],
  ] as const) {
    assert.throws(() => cgroupPath(name, { root, path: '/cg' }), {
      code: 'TW_HOST_CGROUP_OUTSIDE',
    });
  }
});

test('the level is the depth below the root', () => {
  assert.deepEqual([levelOf('/'), levelOf('/a'), levelOf('/a/b')], [0, 1, 2]);
});

test('a new cgroup lies below our own, one level deeper, and is empty', {
  skip: needsRoot,
}, (t) => {
  const own = cgroupOf('self');
  const cgroup = ownCgroup(t);
  assert.equal(cgroup.level, own.level + 1);
  assert.ok(cgroup.path.startsWith(`${own.path}/torwacht-test-`));
  assert.equal(typeof cgroup.id, 'bigint');
  assert.notEqual(cgroup.id, own.id);
  assert.equal(isPopulated(cgroup.path), false);
  assert.deepEqual(membersOf(cgroup.path), []);
});

test('members of nested cgroups count; the cgroup of a process is found', {
  skip: needsRoot,
}, async (t) => {
  const cgroup = ownCgroup(t);
  mkdirSync(`${cgroup.path}/inner`);
  const child = await start(`${cgroup.path}/inner`, 'exec sleep 30');
  assert.deepEqual(membersOf(cgroup.path), [child.pid]);
  assert.equal(isPopulated(cgroup.path), true);
  assert.equal(cgroupOf(child.pid ?? 0).name, `${cgroup.name}/inner`);
});

for (const useCgroupKill of [true, false]) {
  const way = useCgroupKill ? 'cgroup.kill' : 'freeze and SIGKILL';
  test(`frozen processes and those that ignore signals end by ${way}`, {
    skip: needsRoot,
  }, async (t) => {
    const cgroup = ownCgroup(t);
    const child = await start(cgroup.path, 'trap "" TERM INT HUP; sleep 30 & sleep 30 & wait');
    assert.equal(await freeze(cgroup.path), true);
    assert.equal(isFrozen(cgroup.path), true);
    const ended = once(child, 'exit');
    await killAll(cgroup.path, { useCgroupKill });
    assert.equal(isPopulated(cgroup.path), false);
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    assert.equal(isFrozen(cgroup.path), false);
  });

  test(`a tree that keeps forking ends by ${way}`, { skip: needsRoot }, async (t) => {
    const cgroup = ownCgroup(t);
    writeFileSync(`${cgroup.path}/cgroup.max.descendants`, '0');
    await start(cgroup.path, 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); sleep 20 & done; wait');
    await killAll(cgroup.path, { useCgroupKill });
    assert.equal(isPopulated(cgroup.path), false);
  });
}

test('a thawed process goes on', { skip: needsRoot }, async (t) => {
  const cgroup = ownCgroup(t);
  const child = await start(cgroup.path, 'read line; exit 3');
  const ended = once(child, 'exit');
  await freeze(cgroup.path);
  thaw(cgroup.path);
  child.stdin.end('go\n');
  const [code] = await ended;
  assert.equal(code, 3);
});

test('a kill that cannot empty the cgroup gives up with the process ids', {
  skip: needsRoot,
}, async (t) => {
  const cgroup = ownCgroup(t);
  const child = await start(cgroup.path, 'exec sleep 30');
  const patience = { rounds: 0, pause: async () => {} };
  await assert.rejects(killAll(cgroup.path, { patience }), (error: Error) => {
    return (
      'code' in error &&
      error.code === 'TW_HOST_CGROUP_NOT_EMPTY' &&
      error.message.includes(String(child.pid))
    );
  });
});

test('a cgroup that is gone is empty, and removing it again is no error', {
  skip: needsRoot,
}, async () => {
  const cgroup = createCgroup(cgroupOf('self'), `test-${newCgroupId()}`);
  mkdirSync(`${cgroup.path}/a`);
  mkdirSync(`${cgroup.path}/a/b`);
  removeCgroup(cgroup.path);
  removeCgroup(cgroup.path);
  assert.equal(isPopulated(cgroup.path), false);
  assert.deepEqual(membersOf(cgroup.path), []);
  await killAll(cgroup.path);
});

test('an id that exists already is an error with a code', { skip: needsRoot }, (t) => {
  const cgroup = ownCgroup(t);
  const id = cgroup.path.slice(cgroup.path.lastIndexOf('torwacht-') + 'torwacht-'.length);
  assert.throws(() => createCgroup(cgroupOf('self'), id), { code: 'TW_HOST_CGROUP_CREATE' });
});
