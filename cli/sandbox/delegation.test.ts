import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { decide, nothingAsked, readRunConfig } from './delegation.ts';
import { testUid } from './fixture.ts';
import { noOpenings } from './openings.ts';
import { openOutput } from './output-file.ts';
import { assertRootOwned, assertRootOwnedTree, writableBy } from './ownership.ts';
import { parseRunConfig } from './run-config.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

const document = `apiVersion: torwacht.io/v1alpha1
kind: RunConfig
spec:
  policy: /etc/torwacht/policy.d
  allow:
    write: [/srv/cache]
    families: [vsock]
    ioUring: true
  trustedUsers: [alice, 1001]
`;
const config = parseRunConfig(document, '/etc/torwacht/run.yaml');

/** Every folder above is root's, unlike those of /tmp. */
function rootFolder(t: TestContext): string {
  const path = mkdtempSync('/var/lib/torwacht-test-');
  chmodSync(path, 0o755);
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('root that starts a command itself decides', () => {
  const asked = { ...nothingAsked, policy: './p.yaml', observe: true };
  assert.deepEqual(decide(asked, undefined, config), {
    policy: './p.yaml',
    openings: noOpenings,
    rootOwnedPolicy: false,
  });
  assert.equal(decide(nothingAsked, undefined, undefined).policy, undefined);
});

test('for someone else, everything comes from root’s file', () => {
  assert.deepEqual(decide(nothingAsked, { uid: 1000, name: 'bob' }, config), {
    policy: '/etc/torwacht/policy.d',
    openings: {
      ...noOpenings,
      allowWrite: ['/srv/cache'],
      allowFamily: ['vsock'],
      allowIoUring: true,
    },
    rootOwnedPolicy: true,
  });
});

test('for someone else, a policy, observe mode or an opening on the command line is refused', () => {
  const caller = { uid: 1000, name: 'bob' };
  const table = [
    [{ ...nothingAsked, policy: 'p' }, /--policy/],
    [{ ...nothingAsked, observe: true }, /--observe/],
    [{ ...nothingAsked, openings: { ...noOpenings, allowSocket: ['/s'] } }, /--allow-socket/],
    [
      { ...nothingAsked, openings: { ...noOpenings, allowUserNamespaces: true } },
      /--allow-user-namespaces/,
    ],
  ] as const;
  for (const [asked, message] of table) {
    assert.throws(() => decide(asked, caller, config), { code: 'TW_RUN_NOT_TRUSTED', message });
  }
});

test('without root’s file nothing runs for someone else, and the error says what to write', () => {
  assert.throws(() => decide(nothingAsked, { uid: 1000 }, undefined), {
    code: 'TW_RUN_NO_CONFIG',
    hint: /\/etc\/torwacht\/run\.yaml/,
  });
});

test('a trusted user chooses, by name or by number; others’ numbers do not match names', () => {
  const asked = { ...nothingAsked, policy: './p.yaml', observe: true };
  for (const caller of [{ uid: 5, name: 'alice' }, { uid: 1001 }]) {
    assert.equal(decide(asked, caller, config).policy, './p.yaml');
    assert.equal(decide(nothingAsked, caller, config).policy, '/etc/torwacht/policy.d');
  }
  assert.throws(() => decide(asked, { uid: 1000, name: 'alice2' }, config), {
    code: 'TW_RUN_NOT_TRUSTED',
  });
});

test('a mistake in the file is told with line and column', () => {
  const table = [
    [document.replace('policy: /etc', 'policy: etc'), 4, 11],
    [document.replace('ioUring: true', 'ioUring: 1'), 8, 14],
    [document.replace('kind: RunConfig', 'kind: Other'), 2, 7],
    [document.replace('trustedUsers:', 'trusted:'), 4, 3],
    [`${document}  bad: [`, 10, 9],
  ] as const;
  for (const [text, line, column] of table) {
    const message = new RegExp(`^/r.yaml:${line}:${column}: `);
    assert.throws(() => parseRunConfig(text, '/r.yaml'), { code: 'TW_RUN_CONFIG', message });
  }
});

test('a file that others could change is refused: owner, mode, parent, link', { skip }, (t) => {
  const root = rootFolder(t);
  const folder = join(root, 'etc');
  const file = join(folder, 'run.yaml');
  mkdirSync(folder, { mode: 0o755 });
  writeFileSync(file, document, { mode: 0o644 });
  assert.equal(readRunConfig(file)?.policy, '/etc/torwacht/policy.d');
  assert.equal(readRunConfig(join(folder, 'none.yaml')), undefined);
  const refused = (problem: RegExp) =>
    assert.throws(() => readRunConfig(file), { code: 'TW_RUN_NOT_ROOT_OWNED', message: problem });
  chmodSync(file, 0o666);
  refused(/run\.yaml can be written/);
  chmodSync(file, 0o664);
  refused(/run\.yaml can be written/);
  chmodSync(file, 0o644);
  chownSync(file, testUid, 0);
  refused(/belongs to user/);
  chownSync(file, 0, 0);
  chmodSync(folder, 0o1777);
  refused(/etc can be written/);
  chmodSync(folder, 0o755);
  const link = join(root, 'link');
  symlinkSync(folder, link);
  assert.throws(() => assertRootOwned(join(link, 'run.yaml')), { message: /is a link/ });
  assertRootOwnedTree(root.replace(/$/, '/etc'));
  assert.throws(() => assertRootOwnedTree(root), { code: 'TW_RUN_NOT_ROOT_OWNED' });
});

test('who can change a policy: by the file, a parent, or a link on the way', { skip }, (t) => {
  const root = rootFolder(t);
  const [own, system] = [join(root, 'own'), join(root, 'system')];
  for (const path of [own, system, join(own, 'locked')]) mkdirSync(path, { mode: 0o755 });
  chownSync(own, testUid, testUid);
  for (const file of [join(own, 'p'), join(own, 'locked/p'), join(system, 'p')]) {
    writeFileSync(file, '', { mode: 0o644 });
  }
  chownSync(join(own, 'p'), testUid, testUid);
  symlinkSync(join(system, 'p'), join(own, 'link-out'));
  symlinkSync(join(own, 'p'), join(system, 'link-in'));
  const user = { uid: testUid, groups: [testUid], writable: [own] };
  const table = [
    [join(own, 'p'), true, 'its own file'],
    [join(own, 'locked/p'), true, 'root’s folder in its own folder can be renamed'],
    [join(own, 'missing'), true, 'it could make the file'],
    [join(own, 'link-out'), true, 'the link can be replaced'],
    [join(system, 'link-in'), true, 'the link leads to its own file'],
    [join(system, 'p'), false, 'not shown writable'],
    [own, true, 'its own folder'],
    ['/etc/passwd', false, 'the system'],
  ] as const;
  for (const [path, expected, why] of table) assert.equal(writableBy(user, path), expected, why);
  assert.equal(writableBy({ ...user, writable: [] }, join(own, 'p')), false, 'nothing is writable');
  assert.equal(writableBy({ ...user, readOnly: [own] }, join(own, 'p')), false, 'kept read-only');
  assert.equal(
    writableBy({ ...user, uid: testUid + 1, writable: [root] }, join(system, 'p')),
    false,
  );
  assert.equal(writableBy({ ...user, uid: 0, writable: [root] }, join(system, 'p')), true, 'root');
  chmodSync(join(system, 'p'), 0o664);
  assert.equal(
    writableBy({ ...user, writable: [root] }, join(system, 'p')),
    true,
    'group may write',
  );
  linkSync(join(own, 'p'), join(system, 'second'));
  assert.equal(writableBy(user, join(system, 'second')), true, 'the file has another name');
  symlinkSync('loop', join(system, 'loop'));
  assert.equal(writableBy(user, join(system, 'loop')), true, 'a loop cannot be judged');
});

test('output is opened as the caller, and links are not followed', { skip }, (t) => {
  const root = rootFolder(t);
  const own = join(root, 'own');
  mkdirSync(own);
  chownSync(own, testUid, testUid);
  const user = { uid: testUid, gid: testUid, groups: [testUid] };
  const file = join(own, 'out.json');
  writeFileSync(join(own, 'secret'), 'kept', { mode: 0o600 });
  const fd = openOutput(file, user);
  writeSync(fd, 'x');
  closeSync(fd);
  assert.equal(readFileSync(file, 'utf8'), 'x');
  assert.deepEqual([statSync(file).uid, statSync(file).gid], [testUid, testUid]);
  assert.equal(process.geteuid?.(), 0);
  symlinkSync(join(own, 'out.json'), join(own, 'link'));
  for (const path of [join(own, 'link'), join(own, 'secret'), join(root, 'new'), own]) {
    assert.throws(() => openOutput(path, user), { code: 'TW_RUN_OUTPUT' }, path);
    assert.equal(process.geteuid?.(), 0);
  }
  assert.equal(readFileSync(file, 'utf8'), 'x');
});

test('every other thread keeps the rights of root while a file is opened by another’s', {
  skip,
}, async (t) => {
  const own = rootFolder(t);
  chownSync(own, testUid, testUid);
  const user = { uid: testUid, gid: testUid, groups: [testUid] };
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const watcher = new Worker(
    `const { readFileSync } = require('node:fs');
     const { parentPort, workerData } = require('node:worker_threads');
     const seen = new Set();
     parentPort.postMessage('ready');
     do seen.add(readFileSync('/proc/thread-self/status', 'utf8').match(/^(Uid|Gid|Groups|CapEff):.*$/gm).join(' '));
     while (Atomics.load(workerData, 0) === 0);
     parentPort.postMessage([...seen]);`,
    { eval: true, workerData: stop },
  );
  t.after(async () => await watcher.terminate());
  await once(watcher, 'message');
  for (let i = 0; i < 2000; i++) closeSync(openOutput(join(own, 'out'), user));
  Atomics.store(stop, 0, 1);
  const [seen] = await once(watcher, 'message');
  assert.equal(seen.length, 1, seen.join('\n'));
});
