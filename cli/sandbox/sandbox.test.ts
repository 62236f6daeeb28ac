/** What a command can and cannot do to the host from inside, each with its control outside. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

import { buildProbe, folder, outside, sandbox, skip, testUid } from './fixture.ts';

const users = [
  ['root', 0],
  ['an ordinary user', testUid],
] as const;

async function listen(t: TestContext, path: string): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  t.after(() => new Promise((resolve) => server.close(resolve)));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  execFileSync('chmod', ['0777', path]);
}

/** A folder somewhere else than in the temporary ones, so that the host's root is what shows it. */
function elsewhere(t: TestContext, parent: string): string {
  const path = mkdtempSync(join(parent, 'torwacht-test-'));
  execFileSync('chmod', ['0755', path]);
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

for (const [who, uid] of users) {
  test(`${who} writes to the working folder, HOME and private temporary folders`, {
    skip,
  }, async (t) => {
    const box = sandbox(t, uid);
    const { code, stdout, stderr } = await box.run(
      'set -e; echo a > here; echo b > "$HOME/there"; echo c > /tmp/t; echo d > /var/tmp/t; echo e > /dev/shm/t; pwd; id -u',
    );
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 0, stdout: `${box.cwd}\n${uid}`, stderr: '' },
    );
    assert.equal(readFileSync(join(box.cwd, 'here'), 'utf8'), 'a\n');
    assert.equal(readFileSync(join(box.home, 'there'), 'utf8'), 'b\n');
    for (const path of ['/tmp/t', '/var/tmp/t', '/dev/shm/t'])
      assert.equal(existsSync(path), false);
  });

  test(`${who} reaches no daemon's socket by path`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    const probe = buildProbe(box.cwd);
    const places = [
      join(elsewhere(t, '/run'), 'd.sock'),
      join(elsewhere(t, '/var/lib'), 'd.sock'),
      join(folder(t), 'd.sock'),
      join(box.home, 'agent.sock'),
      join(box.cwd, 'd.sock'),
    ];
    for (const place of places) await listen(t, place);
    for (const place of places) {
      assert.equal(await outside(probe, 'connect', place), 'ok', place);
      const { stdout } = await box.run(`./probe connect ${place}`);
      assert.match(stdout, /^(ENOENT|ECONNREFUSED|EACCES)$/, place);
    }
  });

  test(`${who} reaches a socket that a flag opened, and no other`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    buildProbe(box.cwd);
    const places = [join(elsewhere(t, '/run'), 'd.sock'), join(box.cwd, 'd.sock')];
    const other = join(box.home, 'other.sock');
    for (const place of [...places, other]) await listen(t, place);
    const { stdout } = await box.run(
      [...places, other].map((place) => `./probe connect ${place}`).join('; '),
      {
        allow: { allowSocket: places },
        env: { DOCKER_HOST: `unix://${places[0]}`, SSH_AUTH_SOCK: other },
      },
    );
    assert.deepEqual(stdout.split('\n'), ['ok', 'ok', 'ECONNREFUSED']);
  });

  test(`${who} cannot write to kernel settings, cgroups, or the system`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    const paths = [
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/net/ipv4/ip_forward',
      '/sys/kernel/mm/transparent_hugepage/enabled',
      `${box.cgroup.path}/cgroup.procs`,
      `${box.cgroup.path.slice(0, box.cgroup.path.lastIndexOf('/'))}/cgroup.procs`,
      '/etc/passwd',
      '/usr/bin/env',
    ].filter((path) => existsSync(path));
    const probe = buildProbe(box.cwd);
    for (const path of paths) assert.equal(await outside(probe, 'open-write', path), 'ok', path);
    const { stdout } = await box.run(paths.map((path) => `./probe open-write ${path}`).join('; '));
    for (const [index, answer] of stdout.split('\n').entries()) {
      assert.match(answer, /^(EROFS|EACCES)$/, paths[index]);
    }
  });

  test(`${who} finds nothing to write to in /proc but its own processes`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    const { stdout } = await box.run(
      `find /proc -mindepth 1 -maxdepth 1 ! -name '[0-9]*' ! -type l | while read -r top; do
         find "$top" -xdev -type f -perm /222 | while read -r f; do (: >> "$f") 2>/dev/null && echo "$f"; done
       done; echo end`,
    );
    assert.equal(stdout, 'end');
  });

  test(`${who} sees no process of the host, and cannot trace one`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    const probe = buildProbe(box.cwd);
    const victim = spawn('setpriv', [
      '--reuid',
      String(uid),
      '--regid',
      String(uid),
      '--clear-groups',
      'sleep',
      '60',
    ]);
    t.after(() => victim.kill('SIGKILL'));
    assert.equal(await outside(probe, 'ptrace', String(victim.pid)), 'ok');
    const { stdout } = await box.run(`./probe ptrace ${victim.pid}; ls -d /proc/[0-9]* | wc -l`);
    const [traced, count] = stdout.split('\n');
    assert.equal(traced, 'ESRCH');
    assert.ok(Number(count) < 8);
  });

  test(`${who} has no capability that steps around, and cannot get one`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    const { stdout } = await box.run("grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status");
    buildProbe(box.cwd);
    const status = new Map(
      stdout.split('\n').map((line) => line.split(/:\s*/) as [string, string]),
    );
    assert.equal(status.get('NoNewPrivs'), '1');
    const mask = uid === 0 ? 0x404fbn : 0n;
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) {
      assert.equal(BigInt(`0x${status.get(set)}`) & ~mask, 0n, set);
    }
    assert.equal(BigInt(`0x${status.get('CapAmb')}`) & ~mask, 0n);
    const tried = await box.run(
      `./probe setuid; ./probe mknod ${box.cwd}/blk; ./probe raw-socket 2 1`,
    );
    assert.deepEqual(tried.stdout.split('\n'), [uid === 0 ? 'ok' : 'EPERM', 'EPERM', 'EPERM']);
    if (uid !== 0) assert.equal(status.get('Groups')?.trim(), `${uid} ${uid + 1}`);
  });
}

test('an ordinary user gets the capability that a flag names, and no other', {
  skip,
}, async (t) => {
  const box = sandbox(t, testUid);
  const { stdout } = await box.run("grep -E '^Cap' /proc/self/status | cut -f2", {
    allow: { allowCap: ['net_raw'] },
  });
  assert.deepEqual(new Set(stdout.split('\n')), new Set(['0000000000002000']));
});

test('system calls that step around are refused in every ABI', { skip }, async (t) => {
  const box = sandbox(t);
  const probe = buildProbe(box.cwd);
  // [what, outside, inside]; where outside is `any`, this kernel may lack the thing as such.
  const table: readonly (readonly [string, string, string])[] = [
    ['socket 1', 'ok', 'ok'],
    ['socket 2', 'ok', 'ok'],
    ['socket 10', 'any', 'ok'],
    ['socket 17', 'ok', 'EAFNOSUPPORT'],
    ['socket 38', 'any', 'EAFNOSUPPORT'],
    ['socket 40', 'any', 'EAFNOSUPPORT'],
    ['socket 63', 'any', 'EAFNOSUPPORT'],
    ['socket-upper 17', 'ok', 'EAFNOSUPPORT'],
    ['io_uring', 'any', 'ENOSYS'],
    ['steer', 'ok', 'EPERM'],
    ['steer-upper', 'ok', 'EPERM'],
    ['tiocsti', 'ENOTTY', 'EPERM'],
    ['tiocsti-upper', 'ENOTTY', 'EPERM'],
    ['tioclinux', 'ENOTTY', 'EPERM'],
    ['clone', 'ok', 'ok'],
    ['unshare-user', 'ok', 'EPERM'],
    ['clone-user', 'ok', 'EPERM'],
    ['clone3-user', 'ok', 'ENOSYS'],
    ['bpf', 'E2BIG', 'EPERM'],
    ['keyctl', 'any', 'EPERM'],
    ['userfaultfd', 'any', 'EPERM'],
    ['open-by-handle', 'EINVAL', 'EPERM'],
  ];
  const x86: readonly (readonly [string, string, string])[] = [
    ['x32-socket 2', 'any', 'ENOSYS'],
    ['i386-socket 2', 'any', 'ok'],
    ['i386-socket 17', 'ok', 'EAFNOSUPPORT'],
    ['i386-socketcall 17', 'ok', 'EAFNOSUPPORT'],
    ['i386-socketcall 2', 'ok', 'EAFNOSUPPORT'],
    ['i386-socketpair 1', 'ok', 'EAFNOSUPPORT'],
    ['i386-setsockopt', 'EBADF', 'EAFNOSUPPORT'],
    ['i386-unshare-user', 'ok', 'EPERM'],
    ['i386-bpf', 'E2BIG', 'EPERM'],
  ];
  const compat = process.arch === 'x64' && (await outside(probe, 'i386-socket', '2')) === 'ok';
  if (!compat) t.diagnostic('no i386 calls on this kernel: not tried');
  const rows = compat ? [...table, ...x86] : table;
  const { stdout } = await box.run(rows.map(([what]) => `./probe ${what} </dev/null`).join('; '));
  const inside = stdout.split('\n');
  for (const [index, [what, expected, refused]] of rows.entries()) {
    const seen = await outside(probe, ...what.split(' '));
    if (expected !== 'any') assert.equal(seen, expected, `outside: ${what}`);
    assert.equal(inside[index], refused, `inside: ${what}`);
  }
});

test('flags open a family, io_uring and user namespaces', { skip }, async (t) => {
  const box = sandbox(t, testUid);
  const probe = buildProbe(box.cwd);
  const { stdout } = await box.run(
    './probe socket 40; ./probe io_uring; ./probe unshare-user; ./probe clone-user; ./probe clone3-user',
    {
      allow: { allowFamily: ['vsock'], allowIoUring: true, allowUserNamespaces: true },
    },
  );
  const [vsock, ...others] = stdout.split('\n');
  assert.equal(vsock, await outside(probe, 'socket', '40'));
  assert.notEqual(vsock, 'EAFNOSUPPORT');
  // clone3 could start a process in another cgroup, and no filter can see whether it does.
  assert.deepEqual(others, ['ok', 'ok', 'ok', 'ENOSYS']);
});

test('the bpf folder is empty and the pins are out of reach', { skip }, async (t) => {
  const box = sandbox(t);
  const { stdout } = await box.run('ls -A /sys/fs/bpf; stat -f -c %T /sys/fs/bpf; echo end');
  assert.deepEqual(stdout.split('\n'), ['tmpfs', 'end']);
});

test('our resolv.conf stands in the place of the host’s', { skip }, async (t) => {
  const box = sandbox(t);
  const file = join(folder(t), 'resolv.conf');
  writeFileSync(file, 'nameserver 127.0.0.53\n');
  const { stdout } = await box.run(
    'cat /etc/resolv.conf; echo x >> /etc/resolv.conf || echo refused',
    {
      resolvConf: file,
    },
  );
  assert.equal(stdout, 'nameserver 127.0.0.53\nrefused');
});

test('a working folder of the system stays read-only, and a notice says so', {
  skip,
}, async (t) => {
  const mark = `torwacht-test-${process.pid}`;
  for (const cwd of ['/', '/etc', '/usr', '/run']) {
    t.after(() => rmSync(join(cwd, mark), { force: true }));
    const box = sandbox(t);
    const { stdout } = await box.run(`pwd; (: > ${mark}) 2>/dev/null || echo refused`, {
      cwd,
    });
    if (cwd === '/run') assert.equal(stdout, '/run');
    else assert.equal(stdout, `${cwd}\nrefused`);
    assert.equal(existsSync(join(cwd, mark)), false);
  }
});

test('a linked working folder and HOME are the places that they lead to', { skip }, async (t) => {
  const box = sandbox(t);
  const link = join(folder(t), 'link');
  symlinkSync(box.cwd, link);
  const { stdout } = await box.run('pwd -P; echo x > file', { cwd: link });
  assert.equal(stdout, box.cwd);
  assert.equal(readFileSync(join(box.cwd, 'file'), 'utf8'), 'x\n');
});

test('a flag opens a folder, and what is kept stays read-only in it', { skip }, async (t) => {
  const box = sandbox(t);
  const extra = elsewhere(t, '/var/lib');
  mkdirSync(join(extra, 'kept'));
  const { stdout } = await box.run(
    `echo x > ${extra}/file; (: > ${extra}/kept/file) 2>/dev/null || echo refused`,
    { allow: { allowWrite: [extra] }, keepReadOnly: [join(extra, 'kept')] },
  );
  assert.equal(stdout, 'refused');
  assert.equal(existsSync(join(extra, 'file')), true);
});
