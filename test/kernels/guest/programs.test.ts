/** Every program of the engine is loaded by this kernel and attached where it belongs, or is of a missing part. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cgroupOf, createCgroup, newCgroupId } from '#agent/cgroup/cgroup.ts';
import { useBpffs } from '#agent/leftovers/bpffs.ts';
import { Kernel } from '#bpf/kernel.ts';
import { builtPath, native } from '#bpf/native.ts';
import {
  addressPrograms,
  backstopProgram,
  optionalParts,
  packetPrograms,
  singleTargetSizes,
} from '#bpf/programs.ts';
import { execute } from '../../lab/execute.ts';
import { programsOf } from '../floor/object.ts';
import { named } from '../run.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
/** One is loaded to be looked at, the other is run by us: neither is attached. */
const NOWHERE = ['tw_keeps_cgroup', 'tw_clock'];
const link = `tw${process.pid}`;
const undo: (() => void)[] = [];
let kernel: Kernel;

before(async () => {
  if (skip) return;
  kernel = await Kernel.load(singleTargetSizes, { backstop: true });
  undo.push(() => kernel.close());
});
after(() => {
  for (const step of undo.reverse()) step();
});

test('each program of the object has its place', () => {
  const parts = Object.values(optionalParts).flatMap(({ programs }) => [...programs]);
  const known = [...packetPrograms, ...addressPrograms, ...parts, backstopProgram, ...NOWHERE];
  const names = programsOf(readFileSync(builtPath('bpf/engine.bpf.o'))).map(({ name }) => name);
  assert.deepEqual(names.sort(), known.sort());
});

test('those of a cgroup are attached and pinned', { skip }, async () => {
  const cgroup = createCgroup(cgroupOf(), newCgroupId());
  undo.push(() => rmdirSync(cgroup.path));
  const bpffs = useBpffs();
  undo.push(bpffs.done);
  const pins = mkdtempSync(join(bpffs.path, 'torwacht-test-'));
  undo.push(() => rmSync(pins, { recursive: true }));
  await kernel.attachCgroup(cgroup.path, pins);
  const missing = [...kernel.missing.keys()].flatMap((part) => [...optionalParts[part].programs]);
  const expected: string[] = [
    ...addressPrograms,
    kernel.packetProgram,
    ...optionalParts.create.programs,
    ...optionalParts.unix.programs,
  ].filter((name) => !missing.some((one) => one === name));
  assert.deepEqual(readdirSync(pins).sort(), expected.sort());
});

test('those of fork and exec are attached', { skip }, () => kernel.attachTraces());

test('the backstop is attached to a link', { skip }, async () => {
  execute('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', `${link}p`]);
  undo.push(() => execute('ip', ['link', 'del', link]));
  const index = Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8'));
  await kernel.attachBackstop(index, 0);
  const [filter] = JSON.parse(execute('tc', ['-json', 'filter', 'show', 'dev', link, 'ingress']));
  assert.equal(filter?.kind, 'bpf');
});

test('what the tests of the verdict run is loaded', { skip }, () => {
  native().unload(native().load(builtPath('bpf/verdict.bpf.o'), {}, [], ''));
});

// Only with TORWACHT_PLANTED (make test-planted).
if (process.env.TORWACHT_PLANTED) {
  test('what is planted to be found is loaded like the rest', { skip }, () => {
    try {
      native().unload(native().load(builtPath('bpf/newer.bpf.o'), {}, [], ''));
    } catch (cause) {
      throw new Error(named((cause as Error).message), { cause });
    }
  });
}
