/**
 * Where systemd rules the cgroup tree and systemd-resolved answers: `torwacht run` in a service, in a slice
 * of its own and where the kubelet's systemd driver puts pods. Only in the machine of systemd.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { cgroupOf, isPopulated } from '#agent/cgroup/cgroup.ts';
import { parentOf } from '#agent/containerd/sandbox.ts';
import {
  policyText,
  type Stage,
  stageIn,
  TORWACHT,
  skip as unable,
  until,
} from '../../e2e/stage.ts';
import { execute } from '../../lab/execute.ts';
import { createLab } from '../../lab/lab.ts';

const systemd = readFileSync('/proc/1/comm', 'utf8') === 'systemd\n';
const skip = unable || (process.env.TORWACHT_GUEST && systemd ? false : 'only where systemd is');
const GOOD = '192.0.2.20';
const BAD = '198.51.100.7';
const NAME = 'good.example.test';
const DENIED = 'bad.example.test';
const CURL_CANNOT_CONNECT = 7;

let stage: Stage;
let asked: () => readonly string[] = () => [];

before(async () => {
  if (skip !== false) return;
  const lab = createLab({ name: 'systemd', addresses: [BAD] });
  stage = stageIn(lab);
  await lab.sink([{ kind: 'http', address: GOOD, port: 8000 }]);
  const answers = (name: string, data: string) => ({
    [name]: [{ answers: [{ type: 'A', name, ttl: 60, data } as const] }],
  });
  const dns = await lab.scriptedDns({ names: { ...answers(NAME, GOOD), ...answers(DENIED, BAD) } });
  asked = () => dns.asked().map(({ name }) => name);
  await startResolved(lab.namespace('host'), lab.dnsAddress);
});
after(() => stage?.lab.close());

/** The host's resolver, in the lab's machine; what it learns from there is the lab's. */
async function startResolved(netns: string, upstream: string): Promise<void> {
  const unit = '/run/systemd/system/systemd-resolved.service.d';
  mkdirSync(unit, { recursive: true });
  writeFileSync(join(unit, 'lab.conf'), `[Service]\nNetworkNamespacePath=/run/netns/${netns}\n`);
  mkdirSync('/run/systemd/resolved.conf.d', { recursive: true });
  const settings = ['Cache=no', 'DNSSEC=no', 'LLMNR=no', 'MulticastDNS=no', 'FallbackDNS='];
  writeFileSync(
    '/run/systemd/resolved.conf.d/lab.conf',
    `[Resolve]\nDNS=${upstream}\nDomains=~.\n${settings.join('\n')}\n`,
  );
  execute('systemctl', ['daemon-reload']);
  execute('systemctl', ['restart', 'systemd-resolved.service']);
  const { code, stdout, stderr } = await viaResolved(['getent', 'hosts', NAME]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /192\.0\.2\.20/);
}

/** In the lab's machine as systemd-resolved sets one up: its stub is the server. */
const viaResolved = (command: readonly string[]) =>
  stage.lab.run('host', 'sh', [
    '-ec',
    'mount --bind /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; exec "$@"',
    'sh',
    ...command,
  ]);

const policy = () =>
  stage.policy(policyText({ allow: [{ fqdn: [NAME], ports: [{ port: 8000 }] }] }), 'policy.yaml');
const held = (...command: string[]) => [TORWACHT, 'run', '--policy', policy(), '--', ...command];
const fetch = (host: string) => ['curl', '-sS', '--max-time', '20', `http://${host}:8000/`];
/** Empty for one that has ended. */
function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Names of the processes of a cgroup and of all below it. */
const processesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => basename(name) === 'cgroup.procs')
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((pid) => pid !== '')
    .map(nameOf);
const ourCgroups = (folder: string) =>
  readdirSync(folder).filter((name) => name.startsWith('torwacht-'));

test('the job is a service of systemd’s, in the one tree of cgroup v2', { skip }, () => {
  assert.equal(cgroupOf().name, '/system.slice/torwacht-guest.service');
  assert.equal(cgroupOf(1).name, '/init.scope');
});

test('with systemd-resolved as the host’s resolver: a name is looked up through it, another never reaches it', {
  skip,
}, async () => {
  const good = await viaResolved(held(...fetch(NAME)));
  assert.equal(good.code, 0, good.stderr);
  assert.ok(asked().includes(NAME));
  const control = await viaResolved(['getent', 'hosts', DENIED]);
  assert.equal(control.code, 0, control.stderr);
  const before = asked().filter((name) => name === DENIED).length;
  assert.ok(before > 0, 'the control did not ask');
  const bad = await viaResolved(held('getent', 'hosts', DENIED));
  assert.equal(bad.code, 2, bad.stderr);
  assert.match(bad.stderr, /^torwacht: blocked bad\.example\.test /m);
  assert.equal(asked().filter((name) => name === DENIED).length, before);
});

test('systemd-resolved and systemd cannot be asked by their sockets', { skip }, async () => {
  const ask = ['resolvectl', '--no-pager', 'query', DENIED];
  const control = await viaResolved(ask);
  assert.equal(control.code, 0, control.stderr);
  const before = asked().filter((name) => name === DENIED).length;
  const bad = await viaResolved(held(...ask));
  assert.notEqual(bad.code, 0, bad.stdout);
  const start = ['systemd-run', '--quiet', '--wait', 'true'];
  assert.equal((await viaResolved(start)).code, 0);
  assert.notEqual((await viaResolved(held(...start))).code, 0);
  assert.equal(asked().filter((name) => name === DENIED).length, before);
});

test('in a slice of its own: refused is refused, and nothing of it is left', { skip }, async () => {
  const slice = 'ci-jobs.slice';
  const run = ['systemd-run', '--quiet', '--scope', `--slice=${slice}`];
  const control = await viaResolved([...run, ...fetch(BAD)]);
  assert.ok(stage.lab.packetsTo(BAD) > 0, control.stderr);
  const before = stage.lab.packetsTo(BAD);
  const bad = await viaResolved([...run, ...held(...fetch(BAD))]);
  assert.equal(bad.code, CURL_CANNOT_CONNECT, bad.stderr);
  assert.match(bad.stderr, /198\.51\.100\.7/);
  assert.equal(stage.lab.packetsTo(BAD), before);
  const good = await viaResolved([...run, ...held(...fetch(NAME))]);
  assert.equal(good.code, 0, good.stderr);
});

test('systemctl stop ends what is held, and takes nothing away before that', { skip }, async () => {
  const unit = 'torwacht-held.service';
  const path = `/sys/fs/cgroup/system.slice/${unit}`;
  const netns = `--property=NetworkNamespacePath=/run/netns/${stage.lab.namespace('host')}`;
  // It ends by SIGKILL alone, which systemd sends after so long.
  const command = held('sh', '-c', 'trap "" TERM; while :; do sleep 1; done');
  const run = ['--quiet', `--unit=${unit}`, netns, '--property=TimeoutStopSec=2s'];
  execute('systemd-run', [...run, '--setenv=HOME=/root', ...command]);
  const sleeps = (folder: string) => processesBelow(folder).includes('sleep');
  await until(() => ourCgroups(path).some((name) => sleeps(join(path, name))), 'the target');
  execute('systemctl', ['stop', unit]);
  assert.equal(isPopulated(path), false);
  execute(TORWACHT, ['cleanup']);
  assert.throws(() => readdirSync(path), /ENOENT/);
});

test('a pod of the kubelet’s systemd driver is where its slice’s name says, and is held there', {
  skip,
}, async () => {
  const slice = 'kubepods-besteffort-pod0a1b2c3d_1111_2222_3333_444455556666.slice';
  const id = '0123456789abcdef';
  const run = ['systemd-run', '--quiet', '--scope', `--slice=${slice}`];
  run.push(`--unit=cri-containerd-${id}.scope`);
  const where = await viaResolved([...run, 'cat', '/proc/self/cgroup']);
  const parent = parentOf(`${slice}:cri-containerd:${id}`);
  assert.equal(where.stdout, `0::${parent}/cri-containerd-${id}.scope\n`, where.stderr);
  const before = stage.lab.packetsTo(BAD);
  const bad = await viaResolved([...run, ...held(...fetch(BAD))]);
  assert.equal(bad.code, CURL_CANNOT_CONNECT, bad.stderr);
  assert.equal(stage.lab.packetsTo(BAD), before);
});
