import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { HeldHead } from './held.ts';
import { BundleStore } from './store.ts';

const digest = (letter: string) => letter.repeat(64);
const head: HeldHead = {
  namespace: 'ci',
  name: 'runners',
  generation: 1,
  digest: digest('a'),
  pieces: [digest('b')],
  namespaces: ['ci'],
};

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'torwacht-store-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('what was written is there for whoever comes next, and nothing is not the same as no heads', async (t) => {
  const path = folder(t);
  const store = new BundleStore(path, 'node-1');
  assert.equal(store.read(), undefined);
  await Promise.all([store.writePiece(digest('b'), '[]'), store.writeHeads([head])]);
  const next = new BundleStore(path, 'node-1');
  assert.deepEqual(next.read(), [head]);
  assert.equal(next.piece(digest('b')), '[]');
  await next.writeHeads([]);
  assert.deepEqual(new BundleStore(path, 'node-1').read(), []);
});

test('pieces that nobody names go, and so does what a write left half-way', async (t) => {
  const path = folder(t);
  const store = new BundleStore(path, 'node-1');
  store.read();
  await store.writePiece(digest('b'), '[]');
  await store.writePiece(digest('c'), '[]');
  writeFileSync(join(path, 'pieces', `${digest('d')}.new`), '[');
  await store.collect((name) => name === digest('b'));
  assert.deepEqual(readdirSync(join(path, 'pieces')), [digest('b')]);
});

test('another node’s disk counts for nothing; a file that makes no sense is an error', async (t) => {
  const path = folder(t);
  const store = new BundleStore(path, 'node-1');
  store.read();
  await store.writeHeads([head]);
  assert.equal(new BundleStore(path, 'node-2').read(), undefined);
  writeFileSync(join(path, 'held.json'), '{"node":"node-1"');
  assert.throws(() => store.read(), { code: 'TW_AGENT_STATE_DAMAGED' });
  assert.throws(() => store.piece(digest('b')), { code: 'TW_AGENT_STATE_DAMAGED' });
});

test('a disk that takes nothing is an error each time, and no reason to stop trying', async (t) => {
  const path = folder(t);
  const store = new BundleStore(path, 'node-1');
  store.read();
  rmSync(path, { recursive: true });
  writeFileSync(path, '');
  await assert.rejects(store.writeHeads([head]), { code: 'TW_AGENT_STATE' });
  assert.throws(() => new BundleStore(path, 'node-1').read(), { code: 'TW_AGENT_STATE' });
  rmSync(path);
  assert.equal(store.read(), undefined);
  await store.writeHeads([head]);
  assert.deepEqual(store.read(), [head]);
});
