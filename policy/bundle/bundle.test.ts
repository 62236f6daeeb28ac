import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TorwachtDocument } from '#api/documents.ts';
import { maxPieceContent, policyBundleSpecSchema } from '#api/policy-bundle.ts';
import { apiVersion } from '#api/version.ts';
import { checkDocument } from '../check-document.ts';
import { compile } from '../compile.ts';
import { selectorOfNames } from '../namespace-selector.ts';
import { documentTitle } from '../title.ts';
import { bare, canonical, headDigest, sha256 } from './content.ts';
import { documentsFor } from './merge.ts';
import { readBundle, readPiece } from './read.ts';
import { maxDocument, type Piece, split } from './split.ts';

function checked(kind: string, metadata: object, spec: object): TorwachtDocument {
  const { document, problems } = checkDocument({ apiVersion, kind, metadata, spec });
  assert.deepEqual(problems, []);
  assert.ok(document);
  return document;
}
const policy = (index: number, spec: object = {}, namespace = 'ci') =>
  checked('EgressPolicy', { name: `p${index}`, namespace, generation: 1 }, spec);
const binding = checked('RunnerBinding', { name: 'b', namespace: 'ci' }, {});
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => policy(index, { presets: ['npm'] }));

const reader = (pieces: readonly Piece[]) => {
  const known = new Map(pieces.map(({ digest, content }) => [digest, readPiece(digest, content)]));
  return (digest: string) => known.get(digest);
};
const headOf = (pieces: readonly Piece[]) => {
  const digests = pieces.map(({ digest }) => digest);
  return { pieces: digests, digest: headDigest(digests) };
};

test('what is split is read again, in any order of the documents', () => {
  const documents = [binding, ...many(100)];
  const pieces = split(documents);
  assert.deepEqual(split(documents.toReversed()), pieces);
  const read = readBundle(headOf(pieces), reader(pieces));
  const titles = (list: readonly TorwachtDocument[]) => list.map(documentTitle).sort();
  assert.deepEqual(titles(read), titles(documents));
  const identity = { namespace: 'ci' };
  assert.equal(compile(read, identity).digest, compile(documents, identity).digest);
});

test('pieces are what the API takes, also where every character needs an escape', () => {
  const jobs = (count: number) => ({
    selector: { jobs: Array.from({ length: count }, (_, index) => `"\\${index}`.padEnd(250, '"')) },
  });
  const pieces = split(Array.from({ length: 40 }, (_, index) => policy(index, jobs(100))));
  assert.ok(pieces.length > 1);
  for (const { digest, content } of pieces) {
    assert.ok(policyBundleSpecSchema.safeParse({ piece: { content } }).success);
    const object = { apiVersion, kind: 'PolicyBundle', metadata: { name: digest } };
    const size = JSON.stringify({ ...object, spec: { piece: { content } } }).length;
    assert.ok(size < 512 * 1024, `${size}`);
    assert.ok(content.length <= maxPieceContent);
  }
});

test('an edit, a new one and one that goes change one piece of many', () => {
  const before = many(1000);
  const digests = (documents: readonly TorwachtDocument[]) =>
    new Set(split(documents).map(({ digest }) => digest));
  const old = digests(before);
  assert.ok(old.size > 30 && old.size < 120, `${old.size} pieces`);
  for (let index = 0; index < 1000; index += 37) {
    const edited = before.with(index, policy(index, { presets: ['pypi'] }));
    assert.equal(digests(edited).difference(old).size, 1);
    assert.ok(digests(before.toSpliced(index, 1)).difference(old).size <= 1);
    const added = checked('EgressPolicy', { name: `p${index}x`, namespace: 'ci' }, {});
    assert.ok(digests([...before, added]).difference(old).size <= 2);
  }
});

test('large documents push their neighbours no further than to the next end of a piece', () => {
  const wide = (index: number, hosts: number) =>
    policy(index, {
      allow: Array.from({ length: hosts }, (_, rule) => ({
        fqdn: Array.from({ length: 100 }, (_, host) => `h${rule}x${host}.p${index}.example.com`),
      })),
    });
  const before = Array.from({ length: 60 }, (_, index) => wide(index, 12));
  const old = new Set(split(before).map(({ digest }) => digest));
  const after = split(before.with(30, wide(30, 30)));
  const fresh = after.filter(({ digest }) => !old.has(digest));
  assert.ok(fresh.length <= 6, `${fresh.length} of ${after.length}`);
});

test('the same document is the same text, whatever else its object says', () => {
  const one = policy(1, { selector: { projects: ['1'], jobs: ['ü'] } });
  const noisy = {
    status: { conditions: [] },
    spec: { selector: { jobs: ['ü'], projects: ['1'] } },
    metadata: { ...one.metadata, labels: { a: 'b' }, resourceVersion: '9', managedFields: [{}] },
    kind: one.kind,
    apiVersion: one.apiVersion,
  } as TorwachtDocument;
  assert.equal(canonical(bare(noisy)), canonical(bare(one)));
  assert.match(canonical(bare(one)), /^[\x20-\x7e]*$/);
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(JSON.parse(canonical(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('where alerts go to is in no bundle', () => {
  const alerts = { webhook: [{ name: 'siem', url: 'https://siem.test/secret' }] };
  const told = { ...binding, spec: { ...binding.spec, alerts } } as TorwachtDocument;
  assert.equal(canonical(bare(told)), canonical(bare(binding)));
});

test('one wrong byte is an error', () => {
  const pieces = split([binding, ...many(40)]);
  const [first] = pieces;
  assert.ok(first);
  const other = first.content.replace('npm', 'npn');
  assert.throws(() => readPiece(first.digest, other), { code: 'TW_BUNDLE_DIGEST' });
  const named = (content: string) => () => readPiece(sha256(content), content);
  assert.throws(named('['), { code: 'TW_BUNDLE_CONTENT', message: /no JSON/ });
  assert.throws(named('{}'), { code: 'TW_BUNDLE_CONTENT', message: /no list/ });
  assert.throws(named(other), {
    code: 'TW_BUNDLE_CONTENT',
    message: /\[0\]\.spec\.presets\[0\] "npn" is no preset/,
  });
  const head = headOf(pieces);
  assert.throws(() => readBundle({ ...head, pieces: head.pieces.toReversed() }, reader(pieces)), {
    code: 'TW_BUNDLE_DIGEST',
  });
  assert.throws(() => readBundle(head, reader(pieces.slice(1))), { code: 'TW_BUNDLE_MISSING' });
});

test('of two bundles with the same policy the later one counts, and other namespaces do not', () => {
  const cluster = (names: readonly string[], generation: number) =>
    checked(
      'ClusterEgressPolicy',
      { name: 'c', generation },
      { namespaceSelector: selectorOfNames(names) },
    );
  const later = checked('EgressPolicy', { name: 'p1', namespace: 'ci', generation: 2 }, {});
  const bundles = [
    [binding, later, policy(2), cluster(['ci', 'web'], 3)],
    [policy(1), policy(3, {}, 'web'), cluster(['web'], 3)],
  ];
  for (const order of [bundles, bundles.toReversed()]) {
    const found = documentsFor('ci', order);
    assert.deepEqual(found.map(documentTitle).sort(), [
      'ClusterEgressPolicy c',
      'EgressPolicy ci/p1',
      'EgressPolicy ci/p2',
      'RunnerBinding ci/b',
    ]);
    assert.ok(found.includes(later));
  }
});

test('no document is longer than a piece', () => {
  assert.equal(maxDocument, maxPieceContent - 2);
});
