/** The sandbox as the real command makes it, and that each flag opens what it says and no more. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { outcomes, probe } from './probe.ts';
import { sharedStage, skip } from './stage.ts';

const stage = sharedStage('sandbox', async () => undefined);
const policy = { allow: [{ fqdn: ['good.example.test'] }] };

/** What a shell script prints inside, by line. */
async function inside(script: string, ...flags: string[]) {
  const ended = await stage().run({ policy, flags, command: ['bash', '-c', script] });
  return { ...ended, lines: ended.stdout.trimEnd().split('\n') };
}

/** A folder of this test's on the host. */
function folder(t: TestContext, parent: string): string {
  const path = mkdtempSync(join(parent, 'torwacht-e2e-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('/tmp is private: the host’s is not seen, and what is written does not last', {
  skip,
}, async (t) => {
  const outside = folder(t, '/tmp');
  const mark = `torwacht-e2e-mark-${process.pid}`;
  const { lines } = await inside(
    `ls -d ${outside} 2>/dev/null || echo unseen; echo x > /tmp/${mark} && echo written; ls /var/tmp | wc -l`,
  );
  assert.deepEqual(lines, ['unseen', 'written', '0']);
  assert.ok(!existsSync(join('/tmp', mark)));
});

test('the root is read-only; working folder and HOME are not', { skip }, async () => {
  const { work, home } = stage();
  const places = ['/etc', '/usr', '/var/lib', '/', '/sys/fs/cgroup'];
  const script = places.map((place) => `(: > ${place}/torwacht-e2e) 2>/dev/null && echo ${place}`);
  const { lines } = await inside(
    `${script.join('; ')}; echo x > in-work; echo x > ~/in-home; echo end`,
  );
  assert.deepEqual(lines, ['end']);
  assert.equal(readFileSync(join(work, 'in-work'), 'utf8'), 'x\n');
  assert.equal(readFileSync(join(home, 'in-home'), 'utf8'), 'x\n');
});

test('--allow-write opens one folder, and not its neighbour', { skip }, async (t) => {
  const [opened, other] = [folder(t, '/var/lib'), folder(t, '/var/lib')];
  const script = `echo x > ${opened}/file; (: > ${other}/file) 2>/dev/null || echo refused`;
  const without = await inside(script);
  assert.ok(!existsSync(join(opened, 'file')), without.stderr);
  const { lines } = await inside(script, '--allow-write', opened);
  assert.deepEqual(lines, ['refused']);
  assert.ok(existsSync(join(opened, 'file')) && !existsSync(join(other, 'file')));
  for (const place of ['/', '/sys', '/proc', '/etc/torwacht']) {
    const refused = await inside('true', '--allow-write', place);
    assert.equal(refused.code, 125, place);
    assert.match(refused.stderr, /TW_RUN_ALLOW_WRITE/);
  }
});

test('--allow-read shows one folder of a private place, and nobody can write there', {
  skip,
}, async (t) => {
  const [opened, other] = [folder(t, '/tmp'), folder(t, '/tmp')];
  for (const place of [opened, other]) writeFileSync(join(place, 'file'), 'seen\n');
  const script = `cat ${opened}/file ${other}/file 2>/dev/null; (: > ${opened}/new) 2>/dev/null || echo refused`;
  assert.deepEqual((await inside(script)).lines, ['refused']);
  assert.deepEqual((await inside(script, '--allow-read', opened)).lines, ['seen', 'refused']);
  const refused = await inside('true', '--allow-read', '/run');
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /TW_RUN_ALLOW_READ/);
});

test('--allow-socket opens one socket of a daemon, and not its neighbour', { skip }, async (t) => {
  const at = folder(t, '/run');
  const [opened, other] = [join(at, 'opened.sock'), join(at, 'other.sock')];
  for (const path of [opened, other]) {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((done) => server.listen(path, done));
    t.after(() => server.close());
  }
  const command = probe(`unix ${opened}`, `unix ${other}`);
  const closed = outcomes((await stage().run({ policy, command })).stdout);
  assert.deepEqual(Object.values(closed), ['ENOENT', 'ENOENT']);
  const flags = ['--allow-socket', opened];
  const open = outcomes((await stage().run({ policy, flags, command })).stdout);
  assert.equal(open[`unix ${opened}`], 'ok');
  assert.equal(open[`unix ${other}`], 'ENOENT');
});

const CAP_NET_RAW = 1n << 13n;
const CAP_SYS_PTRACE = 1n << 19n;
const effective = 'grep ^CapEff /proc/self/status | cut -f2';

test('--allow-cap gives one capability; those that end the enforcement are never given', {
  skip,
}, async () => {
  const mask = async (...flags: string[]) =>
    BigInt(`0x${(await inside(effective, ...flags)).lines[0]}`);
  const plain = await mask();
  assert.equal(plain & (CAP_NET_RAW | CAP_SYS_PTRACE), 0n);
  assert.equal((await mask('--allow-cap', 'sys_ptrace')) ^ plain, CAP_SYS_PTRACE);
  for (const name of ['sys_admin', 'net_admin', 'bpf', 'sys_module', 'no_such']) {
    const refused = await inside('true', '--allow-cap', name);
    assert.equal(refused.code, 125, name);
    assert.match(refused.stderr, /TW_RUN_ALLOW_CAPABILITY/);
  }
});

test('raw sockets, opened by a flag, are held by the packet hook', { skip }, async () => {
  const { lab } = stage();
  lab.addAddress('198.51.100.66');
  const ping = ['ping', '-c', '2', '-W', '1', '-i', '0.2', '198.51.100.66'];
  await lab.run('host', 'busybox', ping);
  const arrived = lab.packetsTo('198.51.100.66');
  assert.ok(arrived > 0, 'control');
  const flags = ['--allow-cap', 'net_raw'];
  const ended = await stage().run({ policy, flags, command: ['busybox', ...ping] });
  assert.notEqual(ended.code, 0);
  assert.equal(lab.packetsTo('198.51.100.66'), arrived);
  assert.match(ended.stderr, /always: ICMP/);
});

/** What socket(family, datagram) says inside. */
const socketOf = (family: number) => `python3 -c '
import socket
try:
    socket.socket(${family}, socket.SOCK_DGRAM); print("ok")
except OSError as error:
    print(error.errno)'`;
const EAFNOSUPPORT = '97';
const noPython = skip || (existsSync('/usr/bin/python3') ? false : 'needs /usr/bin/python3');

test('--allow-family opens one family of sockets', { skip: noPython }, async () => {
  const script = [17, 38]
    .map((family) => socketOf(family).replace('python3', '/usr/bin/python3'))
    .join('; ');
  assert.deepEqual((await inside(script)).lines, [EAFNOSUPPORT, EAFNOSUPPORT]);
  const [packet, alg] = (await inside(script, '--allow-family', 'packet')).lines;
  assert.notEqual(packet, EAFNOSUPPORT);
  assert.equal(alg, EAFNOSUPPORT);
  const unknown = await inside('true', '--allow-family', 'nothing');
  assert.equal(unknown.code, 125);
});

test('--allow-user-namespaces lets it make them; what leaves is held all the same', {
  skip,
}, async () => {
  const script = "unshare --user sh -c 'echo inside' 2>/dev/null || echo refused";
  assert.deepEqual((await inside(script)).lines, ['refused']);
  assert.deepEqual((await inside(script, '--allow-user-namespaces')).lines, ['inside']);
  const { lab } = stage();
  lab.addAddress('198.51.100.67');
  const ended = await stage().run({
    policy,
    flags: ['--allow-user-namespaces'],
    command: ['unshare', '--user', ...probe('tcp 198.51.100.67 80')],
  });
  assert.equal(outcomes(ended.stdout)['tcp 198.51.100.67 80'], 'EPERM');
  assert.equal(lab.packetsTo('198.51.100.67'), 0);
});

test('--user: the command is that user, without any capability', { skip }, async (t) => {
  const open = folder(t, '/var/lib');
  chmodSync(open, 0o777);
  const flags = ['--user', 'nobody', '--allow-write', open];
  const script = `id -u; ${effective}; touch ${open}/mine && stat -c %U ${open}/mine; cat /etc/shadow 2>&1 | tail -1`;
  const { lines } = await inside(script, ...flags);
  assert.deepEqual(lines.slice(0, 3), ['65534', '0000000000000000', 'nobody']);
  assert.match(lines[3] ?? '', /Permission denied/);
  const unknown = await inside('true', '--user', 'no-such-user');
  assert.equal(unknown.code, 125);
  assert.match(unknown.stderr, /TW_RUN_NO_USER/);
});

test('the command can neither leave its cgroup nor see pins, state or processes of the host', {
  skip,
}, async () => {
  const script = `
    for f in $(find /sys/fs/cgroup -name cgroup.procs 2>/dev/null | head -20); do
      (echo 0 > $f) 2>/dev/null && echo "left by $f"; done
    ls -A /sys/fs/bpf /run 2>/dev/null | grep -v -e : -e '^$'
    [ -e /proc/${process.pid}/environ ] && tr '\\0' '\\n' < /proc/${process.pid}/environ | grep -c HOME
    (echo 1 > /proc/sys/net/ipv4/ip_forward) 2>/dev/null && echo sysctl
    mount -t tmpfs x /mnt 2>/dev/null && echo mounted
    umount /proc 2>/dev/null && echo unmounted
    nsenter -t 1 -n true 2>/dev/null && echo entered
    echo end`;
  const { stdout } = await inside(script);
  assert.equal(stdout, 'end\n');
});

test('it cannot trace or signal torwacht, which is not in its process namespace', {
  skip,
}, async () => {
  const run = stage().start({
    policy,
    command: [
      'bash',
      '-c',
      'for p in /proc/[0-9]*; do cat $p/comm; done; kill -KILL -1; sleep 0.1; exit 4',
    ],
  });
  const code = await run.ended;
  assert.ok(code === 4 || code === 137, `${code} ${run.stderr()}`);
  assert.doesNotMatch(run.stdout(), /torwacht|MainThread|node/);
});

test('a program with set-user-id bits gives no rights', { skip }, async (t) => {
  const at = folder(t, '/var/lib');
  chmodSync(at, 0o755);
  writeFileSync(join(at, 'id'), readFileSync('/usr/bin/id'));
  chmodSync(join(at, 'id'), 0o4755);
  mkdirSync(join(at, 'x'));
  const { lines } = await inside(`${at}/id -u`, '--user', 'nobody');
  assert.deepEqual(lines, ['65534']);
});
