import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from './gen/containers.ts';
import { ContainerNames } from './names.ts';
import { containerOf } from './testing/runtime.ts';

const idOf = (digit: string): string => digit.repeat(64);
const named = (id: string, name: string): Container =>
  containerOf({ id, kind: 'container', labels: { 'io.kubernetes.container.name': name } });

function setUp(...known: readonly Container[]) {
  const asked: string[] = [];
  const faults: unknown[] = [];
  const container = async (id: string): Promise<Container | undefined> => {
    asked.push(id);
    if (id === idOf('f')) throw new Error('it hangs');
    return known.find((one) => one.id === id);
  };
  return { names: new ContainerNames({ container }, (error) => faults.push(error)), asked, faults };
}

test('a cgroup has the name of its container, by either driver of cgroups', async () => {
  const { names, asked } = setUp(named(idOf('a'), 'build'), named(idOf('b'), 'svc-0'));
  assert.equal(await names.of(idOf('a')), 'build');
  assert.equal(await names.of(`cri-containerd-${idOf('b')}.scope`), 'svc-0');
  assert.equal(names.of(idOf('a')), 'build', 'nobody is asked twice');
  assert.deepEqual(asked, [idOf('a'), idOf('b')]);
});

test('what was noted when it began needs no question, and a sandbox has no name', () => {
  const { names, asked } = setUp();
  names.note(named(idOf('c'), 'helper'));
  names.note(containerOf({ id: idOf('d') }));
  assert.equal(names.of(idOf('c')), 'helper');
  assert.equal(names.of(idOf('d')), null);
  assert.deepEqual(asked, []);
});

test('nobody is asked for what is no container’s cgroup', () => {
  const { names, asked } = setUp();
  for (const cgroup of ['', 'init', `../${idOf('a')}`, idOf('a').slice(1), `${idOf('A')}`]) {
    assert.equal(names.of(cgroup), null);
  }
  assert.deepEqual(asked, []);
});

test('a containerd that does not answer is a fault, and asked again next time', async () => {
  const { names, asked, faults } = setUp();
  for (const times of [1, 2]) {
    assert.equal(await names.of(idOf('f')), null);
    assert.equal(asked.length, times);
  }
  assert.equal(faults.length, 2);
});

test('only so many are remembered, the latest', async () => {
  const { names, asked } = setUp();
  for (let i = 0; i < 2049; i++) names.note(named(i.toString(16).padStart(64, '0'), `c${i}`));
  assert.equal(names.of((2048).toString(16).padStart(64, '0')), 'c2048');
  assert.equal(names.of((1).toString(16).padStart(64, '0')), 'c1');
  assert.equal(await names.of(idOf('0')), null);
  assert.deepEqual(asked, [idOf('0')]);
});
