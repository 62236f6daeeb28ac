import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TorwachtError } from '#api/error.ts';
import { type Client, KubeError, type KubeErrorCode } from '#kube/index.ts';
import { sha256 } from '#policy/bundle/content.ts';
import { pack } from '#policy/bundle/packed.ts';
import { contentOf } from './piece-content.ts';

const content = '[{"kind":"EgressPolicy"}]';
const name = sha256(content);
const never = new AbortController().signal;

/** An API server that refuses these versions; `asked` says for which versions it was asked. */
function setUp(refusals: Readonly<Record<string, KubeErrorCode>> = {}) {
  const asked: (string | undefined)[] = [];
  const client = {
    async get(_of: unknown, _at: unknown, { resourceVersion }: { resourceVersion?: string }) {
      asked.push(resourceVersion);
      const code = refusals[resourceVersion ?? 'newest'];
      if (code !== undefined) throw new KubeError(code, 'refused');
      return { metadata: { name }, spec: { piece: { content } } };
    },
  } as unknown as Client;
  return { client, asked };
}
const head = (brings?: { digest: string; packed: string }[]) => ({
  pieces: [name],
  brings,
  resourceVersion: '7',
});

test('what a head brings along is not asked for', async () => {
  const { client, asked } = setUp();
  const brings = [{ digest: name, packed: pack(content) }];
  assert.equal(await contentOf(client, name, head(brings), never), content);
  assert.deepEqual(asked, []);
});

for (const packed of [pack('[{"kind":"Evil"}]'), 'AAAA']) {
  test(`what a head brings along under a wrong digest counts for nothing (${packed})`, async () => {
    const { client, asked } = setUp();
    const brings = [{ digest: name, packed }];
    assert.equal(await contentOf(client, name, head(brings), never), content);
    assert.deepEqual(asked, ['7']);
  });
}

test('an API server is asked for what it has in memory, up to the version of the head', async () => {
  const { client, asked } = setUp();
  assert.equal(await contentOf(client, name, head(), never), content);
  assert.deepEqual(asked, ['7']);
});

for (const code of ['KUBE_NOT_FOUND', 'KUBE_TIMEOUT'] as const) {
  test(`where it does not have it (${code}), for the newest`, async () => {
    const { client, asked } = setUp({ 7: code });
    assert.equal(await contentOf(client, name, head(), never), content);
    assert.deepEqual(asked, ['7', undefined]);
  });
}

test('whoever is one of too many asks no second time', async () => {
  const { client, asked } = setUp({ 7: 'KUBE_TOO_MANY_REQUESTS' });
  await assert.rejects(contentOf(client, name, head(), never), { code: 'TW_AGENT_PIECE_UNREAD' });
  assert.deepEqual(asked, ['7']);
});

test('a piece that nobody has is missing', async () => {
  const { client } = setUp({ 7: 'KUBE_NOT_FOUND', newest: 'KUBE_NOT_FOUND' });
  const missing = ({ code }: TorwachtError) => code === 'TW_BUNDLE_MISSING';
  await assert.rejects(contentOf(client, name, head(), never), missing);
});
