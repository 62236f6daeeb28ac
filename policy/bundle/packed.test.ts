import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { maxPieceContent } from '#api/policy-bundle.ts';
import { pack, unpack } from './packed.ts';

test('what was packed is what is unpacked, the longest piece too', () => {
  for (const content of ['[]', `["${'policy '.repeat(100)}"]`, 'x'.repeat(maxPieceContent)]) {
    assert.equal(unpack(pack(content)), content);
  }
});

test('what no piece can have been is nothing: no DEFLATE, cut off, or far too much', () => {
  const whole = pack('["a piece"]');
  const bomb = deflateRawSync(Buffer.alloc(100 * 1024 * 1024)).toString('base64');
  for (const packed of ['', 'no base64 at all', whole.slice(0, 8), bomb]) {
    assert.equal(unpack(packed), undefined);
  }
});
