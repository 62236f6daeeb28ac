import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

import { readMounts } from '#agent/cgroup/mountinfo.ts';

import { folder, skip as unable } from './fixture.ts';
import { boundSockets } from './sockets.ts';

const python = spawnSync('python3', ['-c', ''], { stdio: 'ignore' }).status === 0;
const skip = unable || (python ? false : 'needs python3');

const listener = `
import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1].replace('@', chr(0))); s.listen()
print('up', flush=True); time.sleep(60)`;

/** A daemon that listens, started through other programs (unshare, chroot …). */
async function daemon(t: TestContext, cwd: string, through: readonly string[], name: string) {
  const [program = 'python3', ...args] = [...through, 'python3', '-c', listener, name];
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout.once('data', resolve));
}

function found(): readonly string[] {
  return boundSockets(readMounts(), []).paths;
}

test('a socket is found by its full and by its relative name', { skip }, async (t) => {
  const place = folder(t);
  await daemon(t, '/', [], join(place, 'full.sock'));
  await daemon(t, place, [], './relative.sock');
  assert.ok(found().includes(join(place, 'full.sock')));
  assert.ok(found().includes(join(place, 'relative.sock')));
});

test('a socket of another network namespace is found', { skip }, async (t) => {
  const place = folder(t);
  await daemon(t, '/', ['unshare', '--net'], join(place, 'net.sock'));
  assert.ok(found().includes(join(place, 'net.sock')));
});

test('a socket that another mount namespace knows by another name is found', {
  skip,
}, async (t) => {
  const place = folder(t);
  for (const name of ['real', 'seen']) mkdirSync(join(place, name));
  const script = 'mount --bind "$1/real" "$1/seen" && shift && exec "$@"';
  await daemon(
    t,
    '/',
    ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', place],
    join(place, 'seen', 'x.sock'),
  );
  assert.ok(found().includes(join(place, 'real', 'x.sock')));
});

test('an abstract name is told apart; a socket file that is gone is left out', {
  skip,
}, async (t) => {
  const place = folder(t);
  await daemon(t, place, [], `@torwacht-test-${process.pid}`);
  await daemon(t, place, [], join(place, 'gone.sock'));
  rmSync(join(place, 'gone.sock'));
  const sockets = boundSockets(readMounts(), []);
  assert.ok(sockets.abstract.includes(`torwacht-test-${process.pid}`));
  assert.equal(sockets.paths.includes(join(place, 'gone.sock')), false);
});
