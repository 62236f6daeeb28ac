import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { checkDocument } from '#policy/check-document.ts';
import { rules } from './check/rules.ts';

const text = readFileSync(join(import.meta.dirname, '../docs/admission.md'), 'utf8');

test('docs/admission.md has the code of every rule', () => {
  for (const { code } of rules) assert.ok(text.includes(`\`${code}\``), code);
});

test('its RunnerBinding is one', () => {
  const [example = ''] = text.match(/(?<=```yaml\n)apiVersion[^`]+/) ?? [];
  assert.deepEqual(checkDocument(parse(example)).problems, []);
});
