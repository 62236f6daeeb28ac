import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headDigest } from '#policy/bundle/content.ts';
import { split } from '#policy/bundle/split.ts';
import { checkDocument } from '#policy/check-document.ts';
import { documentTitle } from '#policy/title.ts';
import { Bundles, contentsOf } from './bundles.ts';

const apiVersion = 'torwacht.io/v1alpha1';

function document(kind: string, metadata: object, spec: object = {}) {
  const { document: checked } = checkDocument({ apiVersion, kind, metadata, spec });
  assert.ok(checked);
  return checked;
}
const binding = (name: string, ...namespaces: string[]) =>
  document('RunnerBinding', { name, namespace: 'ci' }, { selector: { namespaces } });
const policy = (namespace: string, name: string, generation = 1) =>
  document('EgressPolicy', { name, namespace, generation }, { presets: ['npm'] });

/** Bundles over a disk in memory; `reads` says what was read from it. */
function setUp() {
  const disk = new Map<string, string>();
  const reads: string[] = [];
  const bundles = new Bundles((digest) => {
    reads.push(digest);
    return disk.get(digest) ?? '';
  });
  const put = (name: string, namespaces: string[], ...documents: ReturnType<typeof document>[]) => {
    const pieces = split(documents);
    for (const { digest, content } of pieces) {
      disk.set(digest, content);
      bundles.add(digest, contentsOf(digest, content));
    }
    const digests = pieces.map(({ digest }) => digest);
    const digest = headDigest(digests);
    bundles.put({ namespace: 'ci', name, generation: 1, digest, pieces: digests, namespaces });
    return digests;
  };
  const titles = (namespace: string) => bundles.documents(namespace)?.map(documentTitle).sort();
  return { disk, reads, bundles, put, titles };
}

test('a namespace has the documents that are about it, of all bindings that govern it', () => {
  const { put, titles } = setUp();
  const floor = document(
    'ClusterEgressPolicy',
    { name: 'floor' },
    { deny: [{ fqdn: ['x.example'] }] },
  );
  put(
    'a',
    ['one', 'two'],
    binding('a', 'one', 'two'),
    floor,
    policy('one', 'p'),
    policy('two', 'q'),
  );
  put('b', ['two'], binding('b', 'two'), policy('two', 'q', 2));
  assert.deepEqual(titles('one'), [
    'ClusterEgressPolicy floor',
    'EgressPolicy one/p',
    'RunnerBinding ci/a',
  ]);
  assert.deepEqual(titles('two'), [
    'ClusterEgressPolicy floor',
    'EgressPolicy two/q',
    'RunnerBinding ci/a',
    'RunnerBinding ci/b',
  ]);
  assert.deepEqual(titles('three'), []);
});

test('documents are read when they are asked for, and are the same array until they change', () => {
  const { put, bundles, reads } = setUp();
  put('a', ['one'], binding('a', 'one'), policy('one', 'p'));
  assert.deepEqual(bundles.documents('three'), []);
  assert.deepEqual(reads, []);
  const first = bundles.documents('one');
  const read = reads.length;
  assert.ok(read > 0);
  put('b', ['two'], binding('b', 'two'), policy('two', 'p'));
  assert.equal(bundles.documents('one'), first);
  assert.equal(reads.length, read);
  put('a', ['one'], binding('a', 'one'), policy('one', 'p', 2));
  assert.notEqual(bundles.documents('one'), first);
});

test('what has changed on the disk is an error once, and then unknown; others are not concerned', () => {
  const { put, bundles, disk, titles } = setUp();
  const [piece = ''] = put('a', ['one'], binding('a', 'one'), policy('one', 'p'));
  put('b', ['two'], binding('b', 'two'));
  disk.set(piece, '[]');
  assert.throws(() => bundles.documents('one'), { code: 'TW_BUNDLE_DIGEST' });
  assert.equal(bundles.documents('one'), undefined);
  assert.deepEqual(titles('two'), ['RunnerBinding ci/b']);
});

test('pieces that no head names are forgotten, unless somebody waits for them', () => {
  const { put, bundles } = setUp();
  const [old = '', ...others] = put('a', ['one'], binding('a', 'one'), policy('one', 'p'));
  const size = bundles.bytes;
  bundles.drop('ci/a');
  bundles.collect(new Set([old]));
  assert.deepEqual([bundles.has(old), ...others.map((one) => bundles.has(one))], [true, false]);
  assert.ok(bundles.bytes < size);
});
