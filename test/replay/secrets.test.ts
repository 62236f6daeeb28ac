import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeSecrets, holds, markOf } from './secrets.ts';

const mark = markOf('abc');
const base64 = (text: string) => Buffer.from(text).toString('base64');

test('a secret is found as it is, in hex, and in base64 up to three times over', () => {
  for (const secret of Object.values(fakeSecrets('abc'))) {
    for (const before of ['', 'x', 'xy', 'xyz', '{"TOKEN":"']) {
      const text = `${before}${secret}${'tail'.slice(before.length % 4)}`;
      const hidden = [text, Buffer.from(text).toString('hex'), base64(text)];
      hidden.push(base64(base64(text)), base64(base64(base64(text))));
      for (const form of hidden) assert.ok(holds(form, mark), form);
    }
  }
});

test('secrets of another run, or cut ones, are not taken for it', () => {
  const other = fakeSecrets('abd').GITHUB_TOKEN ?? '';
  for (const text of ['', other, base64(other), mark.slice(1)]) assert.ok(!holds(text, mark), text);
});
