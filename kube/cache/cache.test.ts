import assert from 'node:assert/strict';
import { test } from 'node:test';
import { added, endOfList, modified, pod, watch } from '../testing/scripted-server.ts';
import { until } from '../testing/until.ts';
import { type Pod, watching } from '../testing/watching.ts';
import { readerOf } from './store.ts';

const image = (name: string, version: number, spec: object) => pod(name, version, { spec }) as Pod;
const indexes = { image: ({ spec }: Pod) => (spec?.image === undefined ? [] : [spec.image]) };
const names = (found: Iterable<Pod>) => [...found].map(({ metadata }) => metadata.name).sort();

test('an index follows each change', async (t) => {
  const all = await watching(
    t,
    [
      watch([
        added(image('a', 1, { image: 'x' })),
        added(image('b', 2, { image: 'x' })),
        endOfList(2),
        modified(image('a', 3, { image: 'y' })),
        { type: 'DELETED', object: image('b', 4, { image: 'x' }) },
        added(image('c', 5, {})),
      ]),
    ],
    { indexes },
  );
  await all.cache.synced;
  await until('all came', () => all.changes.length === 5);
  assert.deepEqual(names(all.cache.by('image', 'x')), []);
  assert.deepEqual(names(all.cache.by('image', 'y')), ['a']);
  assert.deepEqual(names(all.cache.list()), ['a', 'c']);
  assert.equal(all.cache.size, 2);
  assert.throws(() => all.cache.by('nothing', ''), /no index named nothing/);
});

test('managed fields are dropped unless a transform says what is kept', async (t) => {
  const full = pod('a', 1, { spec: { image: 'x' } });
  const metadata = {
    ...full.metadata,
    managedFields: [{ manager: 'kubectl' }],
    labels: { a: 'b' },
  };
  const answers = [watch([added({ ...full, metadata }), endOfList(2)])];
  const plain = await watching(t, answers);
  await plain.cache.synced;
  assert.deepEqual(plain.cache.get('ci/a')?.metadata, { ...full.metadata, labels: { a: 'b' } });
  const own = await watching(t, answers, {
    transform: ({ metadata: { name, namespace, uid } }) => ({
      metadata: { name, ...(namespace && uid ? { namespace, uid } : {}) },
    }),
  });
  await own.cache.synced;
  assert.deepEqual(own.cache.get('ci/a'), {
    metadata: { name: 'a', namespace: 'ci', uid: 'uid-a' },
  });
});

test('who subscribes later is told of all that is there; who has left, of nothing', async (t) => {
  const all = await watching(t, [watch([added(pod('a', 1)), endOfList(2)])]);
  await all.cache.synced;
  const told: string[] = [];
  const leave = all.cache.subscribe(({ key, old, listed }) => told.push(`${key} ${old} ${listed}`));
  assert.deepEqual(told, ['ci/a undefined true']);
  leave();
  all.cache.subscribe(({ key }) => told.push(key))();
  assert.equal(told.length, 2);
});

test('a reader of given objects answers like a cache', () => {
  const reader = readerOf([image('a', 1, { image: 'x' }), image('b', 1, { image: 'y' })], indexes);
  assert.deepEqual(names(reader.by('image', 'y')), ['b']);
  assert.equal(reader.get('ci/a')?.spec?.image, 'x');
  assert.equal(reader.size, 2);
});
