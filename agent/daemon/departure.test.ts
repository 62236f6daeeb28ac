import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Departure, type DepartureOptions } from './departure.ts';

/** Folders as an agent has them, on a file system of any kind. */
function node(t: TestContext, more: Partial<DepartureOptions> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'torwacht-departure-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [pins, state] = [join(root, 'torwacht/v1'), join(root, 'state')];
  const [maps, pods] = [join(pins, 'maps'), join(pins, 'pods')];
  const shape = join(maps, 'c7b6e13b');
  for (const folder of [shape, pods, state]) mkdirSync(folder, { recursive: true });
  for (const name of ['rows', 'learned']) writeFileSync(join(shape, name), '');
  writeFileSync(join(state, 'policy'), '');
  let closed = 0;
  const close = (): void => {
    closed++;
  };
  const options = { maps, pods, state, wanted: () => true, governed: () => 0, close, ...more };
  return { root, pods, state, maps, closed: () => closed, departure: new Departure(options) };
}

test('nobody is held: what is pinned goes, once', (t) => {
  const { root, state, closed, departure } = node(t);
  assert.equal(departure.look(), true);
  assert.equal(departure.left, true);
  assert.deepEqual(readdirSync(root), ['state']);
  assert.deepEqual(readdirSync(state), []);
  assert.equal(departure.look(), false);
  assert.equal(closed(), 1);
});

const staying: readonly (readonly [what: string, more: Partial<DepartureOptions>])[] = [
  ['nobody wants it', { wanted: () => false }],
  ['a pod is held', { governed: () => 1 }],
];
for (const [what, more] of staying) {
  test(`${what}: everything stays`, (t) => {
    const { maps, closed, departure } = node(t, more);
    assert.equal(departure.look(), false);
    assert.equal(departure.left, false);
    assert.deepEqual(readdirSync(maps), ['c7b6e13b']);
    assert.equal(closed(), 0);
  });
}

test('a pod that this agent does not know has pins: everything stays', (t) => {
  const { pods, maps, departure } = node(t);
  mkdirSync(join(pods, 'uid'));
  assert.equal(departure.look(), false);
  assert.deepEqual(readdirSync(maps), ['c7b6e13b']);
  rmSync(join(pods, 'uid'), { recursive: true });
  assert.equal(departure.look(), true);
});

test('pins of others beside ours stay', (t) => {
  const { root, departure } = node(t);
  mkdirSync(join(root, 'torwacht/v1/run-1'));
  assert.equal(departure.look(), true);
  assert.ok(existsSync(join(root, 'torwacht/v1/run-1')));
  assert.ok(!existsSync(join(root, 'torwacht/v1/maps')));
});
