/**
 * Stories of leftovers, each in a mount namespace with an empty /run and no BPF file system, so that
 * nothing here touches another run: `node story.ts NAME`. A story that does not hold throws.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  type Cgroup,
  cgroupOf,
  createCgroup,
  newCgroupId,
  removeCgroup,
} from '../../cgroup/cgroup.ts';
import { killAll } from '../../cgroup/end.ts';
import { findBpfMounts, readMounts } from '../../cgroup/mountinfo.ts';
import { pinRoot, releaseBpffs, useBpffs } from '../bpffs.ts';
import {
  prepareState,
  type Run,
  readRuns,
  removeRun,
  removeStateIfEmpty,
  runFile,
  STATE,
  startOf,
  writeRun,
} from '../registry.ts';
import { sweep } from '../sweep.ts';

const undo: (() => void | Promise<void>)[] = [];
const mounted = () => findBpfMounts(readMounts()).map(({ path }) => path);
const ids = (runs: readonly Run[]) => runs.map(({ id }) => id);

/** A run with a cgroup, pins folder and owner; the owner is dead unless told. */
function createRun(change: Partial<Run> = {}): { run: Run; cgroup: Cgroup } {
  const id = newCgroupId();
  const cgroup = createCgroup(cgroupOf(), id);
  undo.push(async () => {
    await killAll(cgroup.path);
    removeCgroup(cgroup.path);
  });
  const pins = join(pinRoot(mounted()[0] ?? '/run/nowhere'), id);
  const run = {
    ...{ id, pid: process.pid, started: '1', cgroup: cgroup.path, pins, command: 'npm ci' },
    ...change,
  };
  writeRun(run);
  return { run, cgroup };
}

/** Puts a process into the cgroup. */
async function populate(cgroup: Cgroup): Promise<void> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  writeFileSync(join(cgroup.path, 'cgroup.procs'), String(child.pid));
  child.unref();
}

const stories: Record<string, () => Promise<void> | void> = {
  'the registry keeps runs in files that only root reads'() {
    const { run } = createRun();
    assert.deepEqual(readRuns(), [run]);
    assert.equal(statSync(STATE).mode & 0o777, 0o700);
    writeFileSync(runFile(run.id, 'resolv.conf'), '');
    removeStateIfEmpty();
    assert.equal(existsSync(STATE), true);
    removeRun(run.id);
    assert.deepEqual(readRuns(), []);
    assert.equal(existsSync(runFile(run.id, 'resolv.conf')), false);
    removeStateIfEmpty();
    assert.equal(existsSync(STATE), false);
    removeStateIfEmpty();
  },

  'files that are no runs are passed over and left'() {
    const { run } = createRun();
    const files = ['x.json', 'ffffffffffff.json', 'eeeeeeeeeeee.json.tmp'];
    writeFileSync(join(STATE, 'runs', files[0] as string), '{');
    writeFileSync(join(STATE, 'runs', files[1] as string), JSON.stringify({ ...run, more: 1 }));
    writeFileSync(join(STATE, 'runs', files[2] as string), JSON.stringify(run));
    assert.deepEqual(ids(readRuns()), [run.id]);
    removeRun(run.id);
    assert.deepEqual(readdirSync(join(STATE, 'runs')).sort(), files.sort());
  },

  'a state folder of someone else is refused'() {
    mkdirSync(STATE);
    chownSync(STATE, 1000, 1000);
    assert.throws(prepareState, { code: 'TW_HOST_STATE', message: /user 1000/ });
  },

  'a process is known by its start'() {
    assert.match(startOf(process.pid) ?? '', /^\d+$/);
    assert.equal(startOf(2 ** 30), undefined);
  },

  async 'of a run whose owner and processes have ended, nothing is left'() {
    const bpffs = useBpffs();
    const { run, cgroup } = createRun();
    mkdirSync(run.pins, { recursive: true });
    mkdirSync(join(cgroup.path, 'inner'));
    bpffs.done();
    const { removed, alive, attended } = await sweep();
    assert.deepEqual([ids(removed), alive, attended], [[run.id], [], []]);
    assert.equal(existsSync(cgroup.path), false);
    assert.equal(existsSync(STATE), false);
    assert.deepEqual(mounted(), []);
    assert.deepEqual((await sweep()).removed, []);
  },

  async 'a run whose processes live keeps its cgroup and pins, until it is ended by force'() {
    const bpffs = useBpffs();
    const { run, cgroup } = createRun();
    mkdirSync(run.pins, { recursive: true });
    await populate(cgroup);
    bpffs.done();
    const first = await sweep();
    assert.deepEqual([first.removed, ids(first.alive)], [[], [run.id]]);
    assert.ok(existsSync(cgroup.path) && existsSync(run.pins));
    assert.deepEqual(mounted(), [bpffs.path]);
    const second = await sweep(true);
    assert.deepEqual(ids(second.removed), [run.id]);
    assert.ok(!existsSync(cgroup.path) && !existsSync(run.pins));
    assert.deepEqual(mounted(), []);
  },

  async 'a run that is attended is left alone, also by force'() {
    const { run, cgroup } = createRun({ started: startOf(process.pid) ?? '' });
    await populate(cgroup);
    for (const force of [false, true]) {
      const { removed, alive, attended } = await sweep(force);
      assert.deepEqual([removed, alive, ids(attended)], [[], [], [run.id]]);
    }
    assert.ok(existsSync(cgroup.path));
    assert.deepEqual(ids(readRuns()), [run.id]);
  },

  async 'a run that ends by itself while others are swept has left nothing'() {
    const { run, cgroup } = createRun({ id: '000000000000' });
    const other = createRun({ id: 'ffffffffffff' });
    await populate(cgroup);
    // Both are read; the end of the first one's processes is waited for.
    const sweeping = sweep(true);
    removeRun(other.run.id);
    assert.deepEqual(ids((await sweeping).removed), [run.id]);
  },

  async 'an owner whose pid was given to another process is dead'() {
    const { run } = createRun({ started: `${startOf(process.pid)}0` });
    assert.deepEqual(ids((await sweep()).removed), [run.id]);
  },

  async 'empty folders of pins go, and those of runs that live stay'() {
    const bpffs = useBpffs();
    const { run } = createRun({ started: startOf(process.pid) ?? '' });
    mkdirSync(run.pins, { recursive: true });
    const stray = join(pinRoot(bpffs.path), 'dddddddddddd');
    mkdirSync(stray);
    const strange = join(pinRoot(bpffs.path), 'strange');
    symlinkSync('/nowhere', strange);
    undo.push(() => rmSync(strange));
    bpffs.done();
    await sweep();
    assert.deepEqual([existsSync(stray), existsSync(run.pins)], [false, true]);
  },

  'a BPF file system is mounted once, and unmounted when nobody uses it'() {
    prepareState();
    assert.deepEqual(mounted(), []);
    const [one, two] = [useBpffs(), useBpffs()];
    assert.deepEqual(mounted(), [one.path]);
    assert.equal(one.path, two.path);
    one.done();
    releaseBpffs();
    assert.deepEqual(mounted(), [one.path], 'the second user still needs it');
    two.done();
    releaseBpffs();
    assert.deepEqual(mounted(), []);
    releaseBpffs();
  },

  'a BPF file system in which someone else has something stays'() {
    prepareState();
    const bpffs = useBpffs();
    mkdirSync(join(bpffs.path, 'cilium'));
    mkdirSync(pinRoot(bpffs.path), { recursive: true });
    bpffs.done();
    releaseBpffs();
    assert.deepEqual(mounted(), [bpffs.path]);
    assert.equal(existsSync(join(bpffs.path, 'torwacht')), false);
  },
};

export const names: readonly string[] = Object.keys(stories);

if (import.meta.main) {
  const story = stories[process.argv[2] ?? ''];
  if (!story) throw new Error('no such story');
  try {
    await story();
  } finally {
    for (const step of undo.reverse()) await step();
  }
}
