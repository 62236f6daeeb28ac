import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { wireName } from '../testing/wire.ts';
import { MAX_NAME_BYTES } from './constants.ts';
import { nameCursor, readName, skipName, writeName } from './name.ts';

const HEAD = Buffer.alloc(12);

/** Reads a name that stands right behind a header. */
function read(...parts: Uint8Array[]) {
  const cursor = nameCursor();
  const fault = readName(Buffer.concat([HEAD, ...parts]), 12, cursor);
  return { fault, ...cursor };
}

const cases: readonly [wire: Buffer, text: string, plain: boolean][] = [
  [wireName('www', 'Example', 'COM'), 'www.example.com', true],
  [wireName('_dmarc', 'a-b', 'x9'), '_dmarc.a-b.x9', true],
  [wireName(), '.', false],
  [wireName('a.b', 'com'), 'a\\.b.com', false],
  [wireName('evil.com', 'test'), 'evil\\.com.test', false],
  [wireName('a\\', 'com'), 'a\\\\.com', false],
  [wireName('a b', 'com'), 'a\\032b.com', false],
  [wireName('\0\xff\n', 'com'), '\\000\\255\\010.com', false],
  [wireName('\x1b[31m', 'com'), '\\027\\09131m.com', false],
];

for (const [wire, text, plain] of cases) {
  test(`reads ${text}`, () => {
    const name = read(wire);
    assert.deepEqual([name.fault, name.text, name.plain], [null, text, plain]);
    assert.equal(name.end, 12 + wire.length);
    assert.equal(skipName(Buffer.concat([HEAD, wire]), 12), 12 + wire.length);
  });
}

test('a dot inside a label never makes two names the same', () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 12 });
  const labels = fc.array(label, { maxLength: 6 });
  const lower = (list: Uint8Array[]) =>
    JSON.stringify(
      list.map((bytes) => [...bytes].map((byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte))),
    );
  fc.assert(
    fc.property(labels, labels, (one, two) => {
      assert.equal(
        read(wireName(...one)).text === read(wireName(...two)).text,
        lower(one) === lower(two),
      );
    }),
    { numRuns: 500 },
  );
  assert.notEqual(read(wireName('a.b')).text, read(wireName('a', 'b')).text);
  assert.notEqual(read(wireName('a\\', 'b')).text, read(wireName('a\\.b')).text);
});

test('a plain name comes back from what was written', () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,63}$/);
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), (labels) => {
      const bytes = Buffer.alloc(300);
      const end = writeName(bytes, 12, labels.join('.'));
      const cursor = nameCursor();
      assert.equal(readName(bytes.subarray(0, end), 12, cursor), null);
      assert.deepEqual([cursor.text, cursor.plain, cursor.end], [labels.join('.'), true, end]);
    }),
    { numRuns: 300 },
  );
});

test('labels of 63 and names of 255 bytes are read, longer ones are not', () => {
  const x = (n: number) => 'x'.repeat(n);
  assert.equal(read(wireName(x(63), x(63), x(63), x(61))).fault, null);
  assert.equal(read(wireName(x(63), x(63), x(63), x(62))).fault, 'length');
  assert.equal(read(wireName(x(64))).fault, 'label');
  assert.equal(read(Buffer.from([0x80, 1, 0])).fault, 'label');
  assert.equal(read(wireName('abc').subarray(0, 3)).fault, 'short');
  assert.equal(read(wireName('abc').subarray(0, 4)).fault, 'short');
});

test('pointers go backwards only, never into the header, and are counted', () => {
  const at = (offset: number) => Buffer.from([0xc0 | (offset >> 8), offset & 0xff]);
  const cursor = nameCursor();
  const first = wireName('example', 'com');
  const message = Buffer.concat([HEAD, first, wireName('www').subarray(0, 4), at(12)]);
  assert.equal(readName(message, 12 + first.length, cursor), null);
  assert.deepEqual([cursor.text, cursor.end], ['www.example.com', message.length]);

  assert.equal(read(at(12)).fault, 'pointer', 'to itself');
  assert.equal(read(at(14), wireName('a')).fault, 'pointer', 'forwards');
  assert.equal(read(at(4)).fault, 'pointer', 'into the header');
  assert.equal(read(Buffer.from([0xc0])).fault, 'pointer', 'cut off');
  assert.equal(read(wireName('a').subarray(0, 2), at(12)).fault, 'pointer', 'around its own start');

  const chain = [wireName('a')];
  for (let i = 0; i < 20; i++) chain.push(at(i === 0 ? 12 : 13 + 2 * i));
  const long = Buffer.concat([HEAD, ...chain]);
  assert.equal(readName(long, 13 + 2 * 16, nameCursor()), null);
  assert.equal(readName(long, 13 + 2 * 17, nameCursor()), 'pointer');
});

test('bytes are counted over all names of a message', () => {
  const cursor = nameCursor();
  const message = Buffer.concat([HEAD, wireName(...'abcdefgh')]);
  let names = 0;
  while (names < MAX_NAME_BYTES && readName(message, 12, cursor) === null) names++;
  assert.equal(names, Math.floor(MAX_NAME_BYTES / 17));
  assert.equal(readName(message, 12, cursor), 'work');
});

test('what is not a plain name is not written', () => {
  const bytes = Buffer.alloc(600);
  const x = 'x'.repeat(63);
  for (const name of ['', '.', 'a..b', 'a.', '.a', 'A', 'a b', 'ä', 'a\\.b', '\u0141', `${x}x`]) {
    assert.throws(() => writeName(bytes, 12, name), { code: 'TW_DNS_NAME' }, name);
  }
  assert.throws(() => writeName(bytes, 12, [x, x, x, x].join('.')), { code: 'TW_DNS_NAME' });
  assert.equal(writeName(bytes, 0, [x, x, x, x.slice(2)].join('.')), 255);
});
