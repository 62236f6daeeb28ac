/** The techniques as data: sound, told in the docs, and told as they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page, pages } from '#cli/docs/blocks.ts';
import { all, blocksOf, bypassesPage, PAGE, summary } from './table.ts';
import { groups } from './techniques/all.ts';

test('docs/bypasses.md is what the techniques say (make bypasses)', () => {
  assert.equal(page(PAGE).text, bypassesPage());
});

test('every page with a block of bypasses has it as it is now (make bypasses)', () => {
  const found = pages().flatMap(({ text }) => blocksOf(text));
  assert.ok(found.length >= 1);
  for (const block of found) assert.equal(block, summary());
});

test('ids are unique and in kebab-case, sentences are sentences', () => {
  const ids = all().map(({ id }) => id);
  assert.deepEqual(
    ids.filter((id, at) => ids.indexOf(id) !== at),
    [],
  );
  for (const { id, how, by, title } of all()) {
    assert.match(id, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    for (const text of [how, by]) assert.match(text, /^[A-Za-z0-9].*\.$/s, `${id}: ${text}`);
    assert.doesNotMatch(title, /[.\n]$/, id);
  }
});

test('every limit stands in docs/limits.md', () => {
  const { text } = page('docs/limits.md');
  for (const technique of all()) {
    if (technique.outcome !== 'limit') continue;
    assert.ok(text.includes(`**${technique.limit}`), `${technique.id}: ${technique.limit}`);
  }
});

test('every technique that applies is tried, a limit gets through, and only a limit', () => {
  for (const technique of all()) {
    if (technique.outcome === 'not-applicable') continue;
    const { attempts = [], stories = {} } = technique;
    const told = Object.keys(stories).length;
    assert.ok(
      attempts.some((one) => 'witness' in one || 'refused' in one) || told > 0,
      technique.id,
    );
    for (const one of attempts) {
      const isOpened = (one.opened ?? []).length > 0;
      if (technique.outcome === 'stopped' && 'through' in one) assert.ok(isOpened, technique.id);
    }
    if (technique.outcome !== 'limit' || told > 0) continue;
    assert.ok(
      attempts.some((one) => 'through' in one),
      technique.id,
    );
  }
});

test('a step is told apart from every other of its group', () => {
  for (const { techniques, label } of groups) {
    const steps = techniques.flatMap((one) =>
      one.outcome === 'not-applicable'
        ? []
        : (one.attempts ?? [])
            .filter((tried) => 'witness' in tried)
            .map(({ step, opened = [] }) => `${step} ${opened.join(' ')}`),
    );
    assert.equal(new Set(steps).size, steps.length, label);
  }
});
