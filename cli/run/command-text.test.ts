import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandText } from './command-text.ts';

test('a command is kept without its secrets, and not longer than is useful', () => {
  for (const [words, text] of [
    [['npm', 'ci'], 'npm ci'],
    [['sh', '-c', 'npm ci && npm test'], "sh -c 'npm ci && npm test'"],
    [['x', '--password', 'two words', 'y'], 'x --password [MASKED] y'],
    [['x', '--token=two words', 'y'], "x '--token=[MASKED]' y"],
    [['curl', '-H', 'Authorization: Bearer abc'], "curl -H 'Authorization: [MASKED]'"],
    [['x', 'a'.repeat(500)], `x ${'a'.repeat(198)}`],
    [['x', 'a'.repeat(180), `glpat-${'b'.repeat(20)}`], `x ${'a'.repeat(180)} [MASKED]`],
  ] as const) {
    assert.equal(commandText(words), text);
  }
});
