/** Ends of other namespaces' links, known without asking the kernel for them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { type Interface, native } from '#bpf/native.ts';
import { type TestNamespace, testNamespace } from './testing/namespace.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const ip = (...args: readonly string[]) => execFileSync('ip', args, { encoding: 'utf8' });
/** Each has a name of its own: the kernel takes its time to remove those of namespaces that have ended. */
let made = 0;

/** A veth from here into the namespace, up at both ends, and here its name and number; gone with the namespace. */
function connect({ path, run }: TestNamespace, there = 'eth0') {
  const pid = path.split('/')[2] ?? '';
  const name = `tw${process.pid}-${made++}`;
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', there, 'netns', pid);
  ip('link', 'set', name, 'up');
  run('ip', ['link', 'set', there, 'up']);
  return { name, index: Number(ip('-o', 'link', 'show', name).split(':')[0]) };
}

const outer = ({ links }: { links: readonly Interface[] }) =>
  links.filter((one) => one.name !== 'lo').map(({ kind, end }) => ({ kind, end }));

test('the ends of veths are known, those of before as those of later', { skip }, async (t) => {
  const [first, second] = [await testNamespace(t), await testNamespace(t)];
  const before = connect(first).index;
  const ours = native().hostLinks();
  const known = await native().interfaces(first.path, ours);
  assert.deepEqual(outer(known), [{ kind: 'veth', end: before }]);
  const later = connect(second).index;
  const two = connect(second, 'eth1').index;
  assert.deepEqual(outer(await native().interfaces(second.path, ours)), [
    { kind: 'veth', end: later },
    { kind: 'veth', end: two },
  ]);
  // What is known is what the kernel says when it is asked.
  const asked = await native().interfaces(first.path, null);
  assert.deepEqual(
    known.links.map(({ end: _, ...rest }) => rest),
    asked.links,
  );
  assert.equal(asked.links.find((one) => one.name === 'eth0')?.peer, before);
});

test('what is no veth to here is asked for, and so is all beside it', { skip }, async (t) => {
  const there = await testNamespace(t);
  const { name } = connect(there);
  const ours = native().hostLinks();
  there.run('ip', ['link', 'add', 'inner', 'type', 'bridge']);
  const found = outer(await native().interfaces(there.path, ours));
  assert.deepEqual(found.map(({ kind }) => kind).sort(), ['bridge', 'veth']);
  there.run('ip', ['link', 'del', 'inner']);
  ip('link', 'del', name);
  assert.deepEqual(outer(await native().interfaces(there.path, ours)), []);
  const again = connect(there).index;
  assert.deepEqual(outer(await native().interfaces(there.path, ours)), [
    { kind: 'veth', end: again },
  ]);
  // A link of the same numbers that leads elsewhere is not taken for ours.
  const other = await testNamespace(t);
  there.run('ip', ['link', 'set', 'eth0', 'netns', other.path.split('/')[2] ?? '']);
  assert.deepEqual(outer(await native().interfaces(there.path, ours)), []);
  const moved = outer(await native().interfaces(other.path, ours));
  assert.deepEqual(
    moved.map(({ kind }) => kind),
    ['veth'],
  );
});

test('more than can wait unread is no loss: all are listed again', { skip }, async (t) => {
  const there = await testNamespace(t);
  const ours = native().hostLinks();
  await native().interfaces(there.path, ours);
  const gone = connect(there);
  const batch = Array.from(
    { length: 6000 },
    (_, i) => `link set ${gone.name} mtu ${1300 + (i % 2)}`,
  );
  execFileSync('ip', ['-batch', '-'], { input: batch.join('\n') });
  ip('link', 'del', gone.name);
  const end = connect(there).index;
  assert.notEqual(end, gone.index);
  for (const known of [undefined, end]) {
    const found = outer(await native().interfaces(there.path, ours));
    assert.deepEqual(found, [
      known === undefined ? { kind: 'veth', end: undefined } : { kind: 'veth', end },
    ]);
  }
});
