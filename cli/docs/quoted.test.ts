/** docs/operations.md goes by texts that people see: each is really one of ours. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { rules } from '../../scripts/generate/monitoring/rules.ts';
import { page } from './blocks.ts';

const root = join(import.meta.dirname, '../..');
const { text } = page('docs/operations.md');

/** Shipped source, each file in one line, pieces of a literal put together as the compiler does. */
const sources = globSync(
  ['{api,policy,dns,kube,delivery,agent,operator,webhook,cli}/**/*.ts', 'barrier/*.c', 'bpf/*.ts'],
  { cwd: root, exclude: ['**/*.test.ts', '**/testing/**', '**/testing.ts'] },
).map((file) => readFileSync(join(root, file), 'utf8').replaceAll(/"\s*\n\s*"/g, ''));

/** What stands in code in the column "seen", below "Troubleshooting". */
function quotes(): readonly string[] {
  const part = text.slice(text.indexOf('\n## Troubleshooting\n'));
  return part.split('\n').flatMap((line) => {
    const cell = /^\| ((?:`[^`]*`|[^|`])+) \|/.exec(line)?.[1] ?? '';
    return [...cell.matchAll(/`([^`]+)`/g)].map(([, quote = '']) => quote);
  });
}

const escaped = (literal: string) => literal.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A word alone is a reason, and stands in quotes; of a sentence, `…` is anything within its line. */
function isOurs(quote: string): boolean {
  const pattern = /^[\w-]+$/.test(quote)
    ? new RegExp(`['"]${escaped(quote)}['"]|^\\s*['"]?${escaped(quote)}['"]?:`, 'm')
    : new RegExp(
        quote
          .split('…')
          .map((part) => escaped(part.trim()))
          .join('.{1,120}?'),
      );
  return sources.some((source) => pattern.test(source));
}

test('every text that docs/operations.md goes by is in the code', () => {
  const all = quotes();
  assert.ok(all.length > 60, `${all.length} texts`);
  assert.deepEqual(
    all.filter((quote) => !isOurs(quote)),
    [],
  );
});

test('a text that is no more would be found', () => {
  for (const quote of ['NodesFailed', 'nobody answered in the time', 'User … may not pick …']) {
    assert.ok(!isOurs(quote), quote);
  }
});

test('every metric and alert that docs/operations.md names is one', () => {
  // Queries of rules and dashboard are held against what the programs tell: ../../test/monitoring.
  const dashboard = readFileSync(join(root, 'config/monitoring/dashboard.json'), 'utf8');
  const known = `${dashboard} ${JSON.stringify(rules)}`;
  const named = [...text.matchAll(/`(torwacht_[a-z_]+|Torwacht[A-Z]\w+)`/g)];
  assert.ok(named.length > 20);
  for (const [, name = ''] of named) assert.match(known, new RegExp(`\\b${name}\\b`));
});
