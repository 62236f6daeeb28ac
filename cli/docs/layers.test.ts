/** docs/architecture.md says of each layer what dependency-cruiser lets it import. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { page, rows } from './blocks.ts';

interface Rule {
  readonly name: string;
  /** `x imports a, b only`, or `x imports no other folder`. */
  readonly comment?: string;
}

const { forbidden } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as {
  readonly forbidden: readonly Rule[];
};

test('docs/architecture.md has every layer with what it imports', () => {
  const listed = rows(page('docs/architecture.md'));
  const layers = forbidden.filter(({ name }) => name.startsWith('layer-'));
  assert.ok(layers.length > 8);
  for (const { name, comment = '' } of layers) {
    const folder = name.slice('layer-'.length);
    const allowed = /imports (.*) only/.exec(comment)?.[1] ?? 'nothing';
    const cells = (listed.get(`${folder}/`) ?? '').split('|').map((cell) => cell.trim());
    assert.equal(cells.at(-2), allowed.replace('policy/types.ts', 'types of policy'), folder);
  }
});
