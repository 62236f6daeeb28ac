/**
 * What can only be tried on a kernel that one may choose: that a program with a newer helper is refused by
 * name, that what a kernel lacks is told everywhere, and that cgroup v1's tags close an old kernel. Only in
 * a virtual machine (machine.ts): it mounts a hierarchy of cgroup v1.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { builtPath, native } from '#bpf/native.ts';
import { type OptionalPart, optionalParts } from '#bpf/programs.ts';
import { follow, type Stage, stageIn, skip as unable, until } from '../../e2e/stage.ts';
import { execute } from '../../lab/execute.ts';
import { createLab } from '../../lab/lab.ts';
import { helpers, isNewer, type Version } from '../floor/since.ts';
import { ROOT } from '../places.ts';

const skip = unable || (process.env.TORWACHT_GUEST ? false : 'only in a virtual machine');
const BAD = '198.51.100.7';
const CURL_CANNOT_CONNECT = 7;
const version = /^\d+\.\d+/.exec(release())?.[0] as Version;
/** Where the parts come from, independent of what was loaded: docs/kernels.md. */
const since: Readonly<Record<OptionalPart, Version>> = {
  process: '5.5',
  create: '5.9',
  unix: '6.7',
};
const lacking = (Object.keys(since) as OptionalPart[]).filter((part) =>
  isNewer(since[part], version),
);

let guest: Guest | undefined;
before(async () => {
  if (skip === false) guest = await start();
});
after(() => guest?.stage.lab.close());

test('a packet hook with a newer helper and no probe is refused with its name and the helper', {
  skip,
}, (t) => {
  const helper = 160;
  const { name, since: brought } = helpers[helper] ?? assert.fail('no such helper');
  const load = () => native().load(builtPath('bpf/newer.bpf.o'), {}, [], '');
  if (!isNewer(brought, version)) {
    native().unload(load());
    return t.diagnostic(`Linux ${version} has ${name}`);
  }
  assert.throws(load, (error: Error) => {
    assert.match(error.message, /prog 'tw_newer'/);
    assert.match(error.message, new RegExp(`unknown#${helper}|${name}#${helper}`));
    return true;
  });
});

test('what this kernel lacks is told by torwacht run, the agent’s log and its metrics', {
  skip,
}, async () => {
  const { stage, agent, ask } = guest as Guest;
  const lost = lacking.map((part) => `torwacht: not on this kernel: ${optionalParts[part].lost}`);
  const { code, stderr } = await run(stage);
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    stderr.split('\n').filter((line) => line.includes('not on this kernel')),
    lost,
  );
  const told = [...(await ask('metrics')).matchAll(/^torwacht_kernel_lacks\{part="(\w+)"\} 1$/gm)];
  assert.deepEqual(
    told.map(([, part]) => part),
    lacking,
  );
  const logged = agent
    .stdout()
    .split('\n')
    .filter((line) => line.includes('this kernel lacks a part'));
  assert.deepEqual(
    logged.map((line) => JSON.parse(line).part),
    lacking,
  );
});

test('with tags of cgroup v1 in use, sockets keep their cgroup; where they do not, nothing is held', {
  skip,
}, async (t) => {
  const { stage, ask } = guest as Guest;
  assert.doesNotMatch(await ask('readyz'), /net_cls/);
  const folder = '/run/tags';
  mkdirSync(folder);
  execute('mount', ['-t', 'cgroup', '-o', 'net_cls', 'tags', folder]);
  t.after(() => execute('umount', [folder]));
  // From the first tag on, a kernel that has the hole gives new sockets to the root cgroup.
  writeFileSync(join(folder, 'net_cls.classid'), '1');
  const connect = ['curl', '-sS', '--max-time', '20', `http://${BAD}:8000`];
  const control = await stage.lab.run('host', 'curl', connect.slice(1));
  assert.ok(stage.lab.packetsTo(BAD) > 0, `the control did not get out: ${control.stderr}`);
  const before = stage.lab.packetsTo(BAD);
  const { code, stderr } = await stage.run({ policy: { allow: [] }, command: connect });
  const said = await ask('readyz');
  assert.equal(stage.lab.packetsTo(BAD), before, stderr);
  if (process.env.TORWACHT_TAGGED) {
    assert.equal(code, 125, stderr);
    assert.match(stderr, /TW_HOST_TAGGED_SOCKETS/);
    assert.match(said, /net_cls of cgroup v1 can take.*cgroup_no_v1=net_cls/s);
  } else {
    assert.equal(code, CURL_CANNOT_CONNECT, stderr);
    assert.match(stderr, /198\.51\.100\.7/);
    assert.doesNotMatch(said, /net_cls/);
  }
});

const run = (stage: Stage) => stage.run({ policy: { allow: [] }, command: ['true'] });

type Guest = Awaited<ReturnType<typeof start>>;

/** A stage, and an agent in it that has no container runtime. */
async function start() {
  const stage = stageIn(createLab({ name: 'guest', addresses: [BAD] }));
  const { lab } = stage;
  const bundle = join(lab.folder, 'bundle');
  mkdirSync(bundle);
  const args = ['--bundle', bundle, '--listen', '127.0.0.1:9465', '--upstream', lab.dnsAddress];
  const agent = follow(lab.spawn('host', join(ROOT, 'bin/torwacht-agent'), args));
  const ask = async (path: string) =>
    (await lab.run('host', 'curl', ['-sS', `http://127.0.0.1:9465/${path}`])).stdout;
  await until(async () => (await ask('healthz')) === 'ok\n', 'the agent', 300);
  return { stage, agent, ask };
}
