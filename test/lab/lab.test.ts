/** What a lab is: isolated, counted, and itself beside others. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pause } from './execute.ts';
import { createLab } from './lab.ts';
import { insideLab } from './mark.ts';
import { processStart } from './names.ts';
import { sweep } from './sweep.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const options = { skip, timeout: 120_000 };
const markModule = join(import.meta.dirname, 'mark.ts');

test('nothing but the two namespaces of the lab can be reached from either', options, async (t) => {
  const lab = createLab({ addresses: ['198.51.100.7'] });
  t.after(() => lab.close());
  for (const side of ['host', 'net'] as const) {
    const { stdout } = await lab.run(side, 'ip', ['-brief', 'link']);
    assert.match(stdout, /^lo .*\ntwlab-mark@\S+ .*\n$/);
    const forwarding = await lab.run(side, 'cat', [
      '/proc/sys/net/ipv4/conf/all/forwarding',
      '/proc/sys/net/ipv6/conf/all/forwarding',
    ]);
    assert.equal(forwarding.stdout, '0\n0\n');
  }
  const out = await lab.run('net', 'ip', ['route', 'get', '198.51.100.99']);
  assert.match(out.stderr, /unreachable/);
  const known = await lab.run('host', 'busybox', ['ping', '-c', '1', '-W', '60', '198.51.100.7']);
  assert.equal(known.code, 0);
  const unknown = await lab.run('host', 'busybox', ['ping', '-c', '1', '-W', '1', '198.51.100.99']);
  assert.equal(unknown.code, 1);
});

test('every packet that arrives is counted, wanted or not', options, async (t) => {
  const lab = createLab({ addresses: ['198.51.100.7', '2001:db8::7'] });
  t.after(() => lab.close());
  assert.equal(lab.packetsTo('198.51.100.7'), 0);
  const send = `
    echo one > /dev/udp/198.51.100.7/9
    echo two > /dev/udp/198.51.100.7/10
    echo three > /dev/udp/198.51.100.99/9
    echo four > /dev/udp/2001:db8::7/9
    (echo five > /dev/tcp/198.51.100.7/9) || true
  `;
  await lab.run('host', 'bash', ['-c', send]);
  assert.equal(lab.packetsTo('198.51.100.7', 9), 2);
  assert.equal(lab.packetsTo('198.51.100.7', 10), 1);
  assert.equal(lab.packetsTo('198.51.100.7'), 3);
  assert.equal(lab.packetsTo('198.51.100.99', 9), 1);
  assert.equal(lab.packetsTo('2001:DB8:0::7', 9), 1);
  assert.equal(lab.packetsTo('198.51.100.8'), 0);
});

test('a probe can tell whether it is inside', options, async (t) => {
  assert.equal(insideLab(), false);
  const lab = createLab();
  t.after(() => lab.close());
  const code = `import { assertInsideLab } from ${JSON.stringify(markModule)}; assertInsideLab();`;
  const inside = ['--input-type=module-typescript', '-e', code];
  assert.equal((await lab.run('host', process.execPath, inside)).code, 0);
  assert.equal((await lab.run('net', process.execPath, inside)).code, 0);
  const alone = ['--net', process.execPath, ...inside];
  const outside = await lab.run('host', 'unshare', alone);
  assert.match(outside.stderr, /TW_LAB_OUTSIDE/);
});

test('a process inside sees the lab’s resolver and the machine’s /sys', options, async (t) => {
  process.env.TWLAB_SECRET = 'of the caller';
  t.after(() => delete process.env.TWLAB_SECRET);
  const lab = createLab();
  t.after(() => lab.close());
  const files = await lab.run('host', 'grep', ['-h', '', '/etc/resolv.conf', '/etc/nsswitch.conf']);
  assert.match(files.stdout, /^nameserver 192\.0\.2\.53$/m);
  assert.match(files.stdout, /^hosts: files dns$/m);
  const mounts = await lab.run('host', 'cat', ['/proc/self/mountinfo']);
  for (const kind of ['cgroup2', 'bpf']) assert.match(mounts.stdout, new RegExp(` - ${kind} `));
  const sys = await lab.run('host', 'stat', ['-c', '%d', '/sys', '/sys/fs/bpf']);
  assert.equal(sys.stdout, `${statSync('/sys').dev}\n${statSync('/sys/fs/bpf').dev}\n`);
  const env = await lab.run('host', 'env', [], { env: { GIVEN: 'yes' } });
  assert.match(env.stdout, /^GIVEN=yes$/m);
  assert.doesNotMatch(env.stdout, /TWLAB_SECRET/);
  assert.doesNotMatch(readFileSync('/etc/resolv.conf', 'utf8'), /192\.0\.2\.53/);
});

test('the pid of a spawned process is the program’s own', options, (t) => {
  const lab = createLab();
  t.after(() => lab.close());
  const child = lab.spawn('host', 'sleep', ['600']);
  const comm = (): string => readFileSync(`/proc/${child.pid}/comm`, 'utf8');
  for (let turn = 0; turn < 300 && comm() !== 'sleep\n'; turn++) {
    pause(10);
  }
  assert.equal(comm(), 'sleep\n');
  assert.notEqual(readlinkSync(`/proc/${child.pid}/ns/net`), readlinkSync('/proc/self/ns/net'));
});

test('closing lets a program on the host end in order, and waits for no other', options, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lab-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const lab = createLab();
  t.after(() => lab.close());
  const orderly = 'trap "echo tidy > $0/$1; exit" TERM; touch $0/$1; while :; do sleep 0.01; done';
  const deaf = 'trap "" TERM; sleep 600';
  for (const side of ['host', 'net'] as const) {
    lab.spawn(side, 'sh', ['-c', orderly, folder, side]);
    while (!existsSync(join(folder, side))) pause(10);
  }
  const { pid } = lab.spawn('net', 'sh', ['-c', deaf]);
  lab.close();
  assert.equal(readFileSync(join(folder, 'host'), 'utf8'), 'tidy\n');
  assert.equal(readFileSync(join(folder, 'net'), 'utf8'), '');
  assert.equal(processStart(pid ?? 0), undefined);
});

test('two labs with the same addresses do not meet', options, async (t) => {
  const [one, other] = [createLab({ name: 'one' }), createLab({ name: 'other' })];
  t.after(() => one.close());
  t.after(() => other.close());
  const listeners = [{ kind: 'udp', address: '192.0.2.20', port: 9 }] as const;
  const [oneSink, otherSink] = await Promise.all([one.sink(listeners), other.sink(listeners)]);
  await one.run('host', 'bash', ['-c', 'echo hello > /dev/udp/192.0.2.20/9']);
  assert.equal((await oneSink.waitFor(1))[0]?.body, 'hello\n');
  assert.deepEqual(otherSink.log(), []);
  assert.equal(other.packetsTo('192.0.2.20'), 0);
  one.close();
  await other.run('host', 'bash', ['-c', 'echo still > /dev/udp/192.0.2.20/9']);
  assert.equal((await otherSink.waitFor(1))[0]?.body, 'still\n');
});

test('a sweep leaves alone the lab of a program that runs', options, (t) => {
  const lab = createLab();
  t.after(() => lab.close());
  const removed = sweep({ cleanup: () => undefined });
  assert.equal(
    removed.some((name) => name.startsWith(lab.id)),
    false,
  );
  assert.ok(statSync(lab.folder).isDirectory());
  assert.ok(statSync(join('/run/netns', lab.namespace('net'))).isFile());
});

test('addresses that cannot be elsewhere are refused', options, (t) => {
  const lab = createLab();
  t.after(() => lab.close());
  for (const address of ['127.0.0.1', '224.0.0.1', '203.0.113.253', '::1', 'good.example.test']) {
    assert.throws(() => lab.addAddress(address), { code: 'TW_LAB_ADDRESS' });
  }
  assert.equal(lab.addAddress('2001:DB8::0:9'), '2001:db8::9');
  assert.equal(lab.addAddress('2001:db8::9'), '2001:db8::9');
});

test('a lab that cannot be made leaves nothing and says why', options, () => {
  assert.throws(() => createLab({ name: 'Not/A name' }), { code: 'TW_LAB_NAME' });
  let id = '';
  try {
    createLab({ name: 'broken', addresses: ['nowhere'] });
  } catch (error) {
    id = String((error as { code?: unknown }).code);
  }
  assert.equal(id, 'TW_LAB_ADDRESS');
  const owner = `twlab-${process.pid}-`;
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  assert.equal(new RegExp(`/${owner}\\S*-broken`).test(mounts), false);
});
