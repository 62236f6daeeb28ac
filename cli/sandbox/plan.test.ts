/** The parts that only think: folders, openings, environment, arguments, commands, reports. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseMounts, visibleMounts } from '#agent/cgroup/mountinfo.ts';

import { capabilitiesIn, parseCapability, rootCapabilities } from './capabilities.ts';
import { findCommand } from './command.ts';
import { commandEnvironment } from './environment.ts';
import type { HostFacts } from './facts.ts';
import { parseFamily } from './families.ts';
import { closedMounts, refusedBecause } from './folders.ts';
import { type ForwardedSignal, forwardSignals, isForeground } from './forward.ts';
import { describeOpenings, flagsOf, noOpenings, resolveOpenings } from './openings.ts';
import { makePlan } from './plan.ts';
import { parseUnixTable } from './sockets.ts';
import { StatusReader } from './status.ts';
import { callerOf, lookUpUser } from './user.ts';
import { chooseWritable } from './writable.ts';

const mounts = visibleMounts(
  parseMounts(
    [
      '1 0 8:1 / / rw - ext4 x rw',
      '2 1 0:2 / /run rw - tmpfs t rw',
      '3 1 0:3 / /sys rw - sysfs s rw',
      '4 3 0:4 / /sys/fs/cgroup rw - cgroup2 c rw',
      '5 3 0:5 / /sys/fs/bpf rw - bpf b rw',
      '6 1 8:1 / /srv/host rw - ext4 x rw',
      '7 1 0:2 / /srv/run rw - tmpfs t rw',
      '8 1 0:4 / /home/u/cg rw - cgroup2 c rw',
      '9 1 0:9 / /home/u/proc rw - proc p rw',
      '10 1 8:1 /etc /home/u/etc rw - ext4 x rw',
      '11 1 0:11 / /home/u/data rw - tmpfs d rw',
    ].join('\n'),
  ),
);

const facts: HostFacts = {
  user: { uid: 1000, gid: 1000, groups: [1000, 27], name: 'u', home: '/home/u' },
  programs: { sh: '/bin/sh', bwrap: '/b', unshare: '/u', setpriv: '/s', env: '/e' },
  cwd: '/home/u/project',
  home: '/home/u',
  mounts,
  sockets: ['/run/x.sock', '/home/u/s.sock', '/tmp/t.sock', '/srv/run/x.sock', '/var/lib/d.sock'],
  abstractSockets: [],
  capabilities: new Set(rootCapabilities),
  resolvConf: '/run/systemd/resolve/stub-resolv.conf',
  procEntries: ['sys'],
  runFiles: [],
  hasBpfFolder: true,
  ownFolders: ['/etc/torwacht'],
  env: {},
};

/** Is the sequence somewhere in the arguments? */
function has(args: readonly string[], ...sequence: string[]): boolean {
  return args.some((_, at) => sequence.every((word, index) => args[at + index] === word));
}

test('folders of the system are never writable, those of people are', () => {
  const refused = [
    '/',
    '/etc',
    '/etc/cron.d',
    '/usr',
    '/usr/local',
    '/run/user/1',
    '/var',
    '/var/lib',
    '/home',
    '/opt',
    '/tmp',
    '/dev/shm',
    '/sys/fs',
    '/proc/1',
  ];
  for (const path of refused) assert.notEqual(refusedBecause(path, mounts), undefined, path);
  const allowed = [
    '/home/u',
    '/srv/app',
    '/opt/app',
    '/var/lib/runner/builds',
    '/tmp/x',
    '/usr/src/app',
    '/builds/a',
    '/root',
  ];
  for (const path of allowed) assert.equal(refusedBecause(path, mounts), undefined, path);
});

test('a bind mount of the system is the system, under whatever name', () => {
  for (const path of ['/srv/host', '/srv/host/etc', '/srv/host/var', '/srv/run']) {
    assert.match(refusedBecause(path, mounts) ?? '', /belongs to the system/, path);
  }
  assert.equal(refusedBecause('/srv/host/home/u', mounts), undefined);
});

test('doors below writable folders are hidden, parts of the system read-only, data stays', () => {
  assert.deepEqual(closedMounts(mounts, ['/home/u']), {
    hidden: ['/sys/fs/bpf', '/home/u/cg', '/home/u/proc', '/srv/run'],
    readOnly: ['/home/u/etc'],
  });
});

test('a working folder or HOME that stays read-only is told; nested folders are bound once', () => {
  const both = chooseWritable({ cwd: '/home/u/p', home: '/home/u', mounts }, ['/srv/cache']);
  assert.deepEqual(both.folders, ['/home/u', '/srv/cache']);
  assert.deepEqual(both.notices, []);
  const none = chooseWritable({ cwd: '/etc', home: '/', mounts }, []);
  assert.deepEqual(none.folders, []);
  assert.equal(none.notices.length, 2);
  assert.match(none.notices[0] ?? '', /working folder \/etc stays read-only/);
  assert.equal(chooseWritable({ cwd: '/run/x', home: '/root', mounts }, []).emptyCwd, true);
  assert.equal(chooseWritable({ cwd: '/tmp/x', home: '/root', mounts }, []).emptyCwd, false);
});

test('no flag makes the sandbox itself writable', () => {
  for (const path of [
    '/',
    '/proc/sys',
    '/sys',
    '/dev',
    '/run',
    '/run/docker.sock',
    '/etc/torwacht',
  ]) {
    assert.throws(() => chooseWritable({ cwd: '/srv/a', home: '/root', mounts }, [path]), {
      code: 'TW_RUN_ALLOW_WRITE',
    });
  }
  assert.ok(
    chooseWritable({ cwd: '/etc', home: '/root', mounts }, ['/etc']).folders.includes('/etc'),
  );
});

test('sockets are covered where they can be seen, unless a flag opened them', () => {
  const { bwrap } = makePlan(facts, { openings: noOpenings });
  const covered = (path: string) => has(bwrap, '--ro-bind', '/dev/null', path);
  assert.deepEqual(facts.sockets.map(covered), [false, true, false, false, true]);
  const opened = makePlan(facts, {
    openings: { ...noOpenings, allowSocket: ['/home/u/s.sock', '/run/d/x'] },
  });
  assert.equal(has(opened.bwrap, '--ro-bind', '/dev/null', '/home/u/s.sock'), false);
  assert.ok(has(opened.bwrap, '--dir', '/run/d', '--bind', '/run/d/x', '/run/d/x'));
});

test('our resolv.conf goes where the link leads, over the empty /run', () => {
  const { bwrap } = makePlan(facts, { openings: noOpenings, resolvConf: '/var/lib/ours' });
  assert.ok(has(bwrap, '--ro-bind', '/var/lib/ours', '/run/systemd/resolve/stub-resolv.conf'));
  assert.ok(bwrap.indexOf('/var/lib/ours') > bwrap.indexOf('/run'));
  assert.ok(has(bwrap, '--dir', '/run/systemd', '--dir', '/run/systemd/resolve'));
});

test('an ordinary user keeps no capability, root the harmless ones that the host has', () => {
  const user = makePlan(facts, { openings: noOpenings });
  assert.ok(user.prefix.includes('--bounding-set=-all'));
  assert.ok(has(user.prefix, '--reuid', '1000', '--regid', '1000', '--groups', '1000,27'));
  const root = { uid: 0, gid: 0, groups: [0], home: '/root' };
  const some = makePlan(
    { ...facts, user: root, capabilities: new Set(['CHOWN', 'KILL']) },
    { openings: noOpenings },
  );
  assert.ok(some.prefix.includes('--bounding-set=-all,+chown,+kill'));
  assert.equal(some.prefix.includes('--reuid'), false);
});

test('capabilities and families are taken by every common spelling, dangerous ones never', () => {
  for (const name of ['NET_RAW', 'net_raw', 'cap_net_raw'])
    assert.equal(parseCapability(name), 'NET_RAW');
  for (const name of ['SYS_ADMIN', 'cap_bpf', 'NET_ADMIN', 'NOTHING', '']) {
    assert.throws(() => parseCapability(name), { code: 'TW_RUN_ALLOW_CAPABILITY' });
  }
  assert.equal(parseFamily('af_vsock'), 'VSOCK');
  for (const name of ['nothing', 'toString', '']) {
    assert.throws(() => parseFamily(name), { code: 'TW_RUN_ALLOW_FAMILY' });
  }
  assert.deepEqual([...capabilitiesIn(0b100001n)], ['CHOWN', 'KILL']);
});

test('openings are resolved and described; what is no socket is refused', () => {
  assert.throws(() => resolveOpenings({ ...noOpenings, allowSocket: ['/etc/passwd'] }, '/'), {
    code: 'TW_RUN_ALLOW_SOCKET',
  });
  assert.throws(() => resolveOpenings({ ...noOpenings, allowWrite: ['nowhere'] }, '/'), {
    code: 'TW_RUN_ALLOW_WRITE',
  });
  assert.deepEqual(resolveOpenings({ ...noOpenings, allowWrite: ['../etc'] }, '/usr').allowWrite, [
    '/etc',
  ]);
  const all = {
    allowRead: ['/r'],
    allowWrite: ['/a'],
    allowSocket: ['/s'],
    allowCap: ['NET_RAW'],
    allowFamily: ['VSOCK'],
    allowIoUring: true,
    allowUserNamespaces: true,
  };
  assert.equal(describeOpenings(all).length, 6);
  assert.equal(flagsOf(all).length, 7);
  assert.deepEqual([describeOpenings(noOpenings), flagsOf(noOpenings)], [[], []]);
});

test('variables that lead to a daemon go, unless its socket was opened', () => {
  const env = {
    PATH: '/bin',
    SSH_AUTH_SOCK: '/run/a/agent',
    DOCKER_HOST: 'unix:///run/docker.sock',
    DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/user/1/bus,guid=1',
    XDG_RUNTIME_DIR: '/run/user/1',
    SUDO_UID: '1000',
    SUDO_COMMAND: 'x',
    TMPDIR: '/nowhere',
    CI: 'true',
    GONE: undefined,
  };
  const input = {
    env,
    user: facts.user,
    home: '/home/u',
    allowedSockets: [],
    isWritable: () => false,
  };
  assert.deepEqual(commandEnvironment(input), {
    PATH: '/bin',
    CI: 'true',
    HOME: '/home/u',
    USER: 'u',
    LOGNAME: 'u',
  });
  const opened = commandEnvironment({
    ...input,
    allowedSockets: ['/run/user/1/bus', '/run/docker.sock'],
    isWritable: () => true,
  });
  assert.equal(opened.DOCKER_HOST, env.DOCKER_HOST);
  assert.equal(opened.DBUS_SESSION_BUS_ADDRESS, env.DBUS_SESSION_BUS_ADDRESS);
  assert.equal(opened.XDG_RUNTIME_DIR, '/run/user/1');
  assert.equal(opened.TMPDIR, '/nowhere');
  assert.equal(opened.SSH_AUTH_SOCK, undefined);
});

test('a command is found as a shell finds it', () => {
  assert.deepEqual(findCommand('sh', '/nowhere:/bin', '/'), { found: true, path: '/bin/sh' });
  assert.deepEqual(findCommand('./sh', '', '/bin'), { found: true, path: '/bin/sh' });
  const table = [
    ['no-such-command', 127],
    ['/no/such', 127],
    ['/etc', 126],
    ['/etc/passwd', 126],
  ] as const;
  for (const [name, code] of table) {
    const result = findCommand(name, '/bin', '/');
    assert.equal(!result.found && result.code, code, name);
  }
});

test('names of bound sockets are read, abstract ones and names with spaces too', () => {
  const table = `Num       RefCount Protocol Flags    Type St Inode Path
0000000093e594ed: 00000003 00000000 00000000 0001 03  1142
0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/a b
0000000000000000: 00000002 00000000 00010000 0005 01     7 @/containerd-shim/x.sock@
0000000000000000: 00000002 00000000 00010000 0001 01 9 relative.sock
`;
  assert.deepEqual(parseUnixTable(table), [
    '/run/a b',
    '@/containerd-shim/x.sock@',
    'relative.sock',
  ]);
});

test('bwrap’s reports may come in pieces; a pipe that ends without one means no start', async () => {
  const status = new StatusReader();
  status.add('{ "child-');
  status.add('pid": 12, "mnt-namespace": 4 }\n\n{ "exit-code": ');
  assert.equal(await status.childPid, 12);
  assert.equal(status.exitCode, undefined);
  status.add('7 }\n');
  assert.equal(status.exitCode, 7);
  const none = new StatusReader();
  none.end();
  assert.equal(await none.childPid, undefined);
});

test('in the foreground what the terminal sends is not sent again', () => {
  const listeners = new Map<ForwardedSignal, () => void>();
  const source = {
    on: (name: ForwardedSignal, listener: () => void) => listeners.set(name, listener),
    off: (name: ForwardedSignal) => listeners.delete(name),
  };
  for (const foreground of [true, false]) {
    const sent: string[] = [];
    const stop = forwardSignals(
      source,
      (name) => sent.push(name),
      () => foreground,
    );
    for (const name of ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const) listeners.get(name)?.();
    assert.equal(listeners.has('SIGTSTP' as ForwardedSignal), false);
    assert.deepEqual(
      sent,
      foreground ? ['SIGTERM', 'SIGHUP'] : ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'],
    );
    stop();
    assert.equal(listeners.size, 0);
  }
});

test('the foreground is read from /proc, whatever the program is called', () => {
  assert.equal(isForeground('1 (a) b) R 0 50 40 34816 50 4'), true);
  assert.equal(isForeground('1 (a (b) R 0 50 40 34816 51 4'), false);
  assert.equal(isForeground('1 (a) R 0 50 40 0 -1 4'), false);
});

test('who asked root is known from sudo and pkexec; root asking itself is nobody else', () => {
  assert.equal(callerOf({ SUDO_UID: '1000' }), 1000);
  assert.equal(callerOf({ PKEXEC_UID: '1001' }), 1001);
  assert.equal(callerOf({ SUDO_UID: '0' }), undefined);
  assert.equal(callerOf({ SUDO_UID: 'x' }), undefined);
  assert.equal(callerOf({}), undefined);
});

test('users are looked up by number and name; an unknown one is an error', () => {
  assert.equal(lookUpUser(0).name, 'root');
  assert.deepEqual(lookUpUser('root').groups.includes(0), true);
  for (const user of ['no-such-user-here', '--help', '', 3_999_999]) {
    assert.throws(() => lookUpUser(user), { code: 'TW_RUN_NO_USER' });
  }
});
