import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeField, escapeText } from './escape.ts';

test('plain text stays as it is', () => {
  assert.equal(
    escapeText('npm install --save @scope/x~1 "q"'),
    'npm install --save @scope/x~1 "q"',
  );
});

for (const [what, hostile, shown] of [
  ['a new line', 'a\nb\rc', 'a\\x0ab\\x0dc'],
  ['a terminal sequence', '\x1b[2J\x9b1m', '\\x1b[2J\\xc2\\x9b1m'],
  ['a tab and a NUL', '\t\0', '\\x09\\x00'],
  ['right to left', '\u202egpj.exe', '\\xe2\\x80\\xaegpj.exe'],
  ['a look-alike', 'pаypal', 'p\\xd0\\xb0ypal'],
  ['an escape that was there before', '\\x0a', '\\x5cx0a'],
  ['delete', '\x7f', '\\x7f'],
] as const) {
  test(`${what} is shown and does nothing`, () => assert.equal(escapeText(hostile), shown));
}

test('bytes that are no text are shown byte by byte', () => {
  assert.equal(escapeText(Uint8Array.of(0xff, 0x41, 0x80)), '\\xffA\\x80');
});

test('no two inputs look the same, and nothing but printable ASCII comes out', () => {
  const read = (text: string) =>
    Buffer.from(
      text.replaceAll(/\\x(..)/g, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      ),
      'latin1',
    );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const shown = escapeText(bytes);
      assert.match(shown, /^[ -~]*$/);
      assert.deepEqual(read(shown), Buffer.from(bytes));
    }),
  );
});

test('a field ends at its first NUL, or with the field', () => {
  assert.equal(escapeField(Buffer.from('npm\0left over')), 'npm');
  assert.equal(escapeField(Buffer.from('sixteen bytes xx')), 'sixteen bytes xx');
  assert.equal(escapeField(Buffer.alloc(4)), '');
});
