/** Up, down, up again: what is left behind is nothing, also where somebody was killed in between. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { attachCluster } from './cluster.ts';
import { down } from './down.ts';
import { imageTag } from './images/images.ts';
import { wantsKind } from './kind.ts';
import { abandoned, ownedName, place } from './names.ts';
import { traces } from './remove.ts';
import { sweepClusters } from './sweep.ts';
import { up } from './up.ts';
import { waitFor } from './wait.ts';

const root = process.getuid?.() === 0 ? false : 'needs root';
const skip = wantsKind() ? 'kind brings its clusters up and down itself' : root;
let number = 0;
/** Clusters of their own, which a sweep may take should this test be killed. */
const newName = (): string => ownedName(process.pid, ++number);

test('a cluster that has gone leaves nothing, and another can follow', { skip }, async (t) => {
  const name = newName();
  const at = place(name);
  t.after(() => down(name));
  const before = machine();
  for (let round = 0; round < 2; round++) {
    const first = await up(name);
    assert.equal(first.fresh, true);
    const cluster = attachCluster(name);
    // Something that lives when the cluster is taken away: a pod with a volume.
    await cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'sleeper', namespace: 'default' },
      spec: {
        containers: [
          {
            name: 'main',
            image: imageTag('busybox'),
            imagePullPolicy: 'Never',
            command: ['sleep', '600'],
          },
        ],
      },
    });
    await cluster.kubectl(['wait', 'pod/sleeper', '--for=condition=Ready', '--timeout=120s']);
    const again = await up(name);
    assert.equal(again.fresh, false);
    assert.deepEqual(again.record, first.record);

    const namespaces = namespacesOf(first.record.node.pid);
    assert.ok(processesIn(namespaces).length > 5);
    assert.equal(await down(name), true);
    assert.deepEqual(processesIn(namespaces), []);
    assert.deepEqual(traces(at), []);
    assert.deepEqual(machine(), before);
  }
  assert.equal(await down(name), false);
});

test('what a killed start left is taken away, by down or by the next start', {
  skip,
}, async (t) => {
  const name = newName();
  const at = place(name);
  t.after(() => down(name));
  for (const program of ['node', 'etcd', 'kubelet']) {
    const child = spawnUp(name);
    await waitFor(
      `${program} has started`,
      () => {
        assert.equal(child.exitCode, null, 'it was up before it could be killed');
        return existsSync(join(at.logs, `${program}.log`));
      },
      { everyMs: 10 },
    );
    await killed(child);
    assert.ok(traces(at).length > 0);
    assert.equal(await down(name), true);
    assert.deepEqual(traces(at), []);
  }
  const child = spawnUp(name);
  await waitFor('etcd has started', () => existsSync(join(at.logs, 'etcd.log')), { everyMs: 10 });
  await killed(child);
  assert.equal((await up(name)).fresh, true);
});

test('a cluster with a dead program is not up, and is made anew', { skip }, async (t) => {
  const name = newName();
  t.after(() => down(name));
  const first = await up(name);
  const kubelet = first.record.programs.find((program) => program.name === 'kubelet');
  process.kill(kubelet?.pid ?? 0, 'SIGKILL');
  await waitFor('the kubelet has ended', () => {
    assert.throws(() => attachCluster(name), { code: 'TW_CLUSTER_DOWN' });
    return true;
  });
  const second = await up(name);
  assert.equal(second.fresh, true);
  assert.notDeepEqual(second.record.node, first.record.node);
});

test('a sweep takes the cluster of a test run that has ended, and no other', {
  skip,
}, async (t) => {
  const [mine, other] = [newName(), 'kept-by-its-name'];
  const gone = spawn('sleep', ['600']);
  const theirs = ownedName(gone.pid ?? 0);
  t.after(async () => {
    for (const name of [mine, theirs, other]) await down(name);
  });
  for (const name of [mine, theirs, other]) {
    const child = spawnUp(name);
    await waitFor('its folders', () => existsSync(place(name).state), { everyMs: 10 });
    await killed(child);
  }
  assert.equal(abandoned(theirs), false);
  gone.kill('SIGKILL');
  await once(gone, 'exit');
  assert.deepEqual(sweepClusters(), [place(theirs).id]);
  assert.deepEqual(traces(place(theirs)), []);
  for (const name of [mine, other]) assert.ok(traces(place(name)).length > 0);
});

function spawnUp(name: string): ChildProcess {
  const program = join(import.meta.dirname, 'up.ts');
  const env = { ...process.env, TORWACHT_CLUSTER: name };
  return spawn(process.execPath, [program], { stdio: 'ignore', env });
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/**
 * What of the machine a cluster might have touched. Labs that others run at the same time come and go,
 * with the two mounts that all of them share: those are left out.
 */
function machine() {
  const labs = /twlab-|\/run\/netns|\/sys\/fs\/bpf|torwacht-/;
  const lines = (text: string): string[] => text.split('\n').filter((line) => !labs.test(line));
  const mounts = lines(readFileSync('/proc/self/mountinfo', 'utf8'));
  const links = lines(readFileSync('/proc/self/net/dev', 'utf8'));
  const tunables = [
    'vm/overcommit_memory',
    'vm/panic_on_oom',
    'kernel/panic',
    'kernel/panic_on_oops',
  ];
  const folders = ['/', '/etc', '/opt', '/var/lib', '/var/log', '/etc/cni', '/opt/cni'];
  return {
    mounts: mounts.map((line) => line.split(' ').slice(3, 5).join(' ')).sort(),
    links: links.map((line) => line.split(':')[0]?.trim()),
    tunables: tunables.map((name) => readFileSync(`/proc/sys/${name}`, 'utf8')),
    folders: folders.map((path) => (existsSync(path) ? readdirSync(path) : undefined)),
    containerd: existsSync('/run/containerd') && readdirSync('/run/containerd'),
    forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'),
  };
}

function namespacesOf(pid: number | string): string[] {
  return ['mnt', 'net'].map((kind) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/${kind}`);
    } catch {
      return `${kind}: of a process that has ended`;
    }
  });
}

/** Processes that are in one of these namespaces: shims and pods of the host's network too. */
function processesIn(namespaces: readonly string[]): string[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.filter((pid) => namespacesOf(pid).some((name) => namespaces.includes(name)));
}
