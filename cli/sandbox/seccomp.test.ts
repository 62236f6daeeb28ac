import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

import { buildFilter, skip } from './fixture.ts';

const options = { families: [1, 2, 10, 16], allowIoUring: false, allowUserNamespaces: false };

test('the filter is a classic BPF program, and what is allowed makes it shorter', { skip }, () => {
  const closed = buildFilter(options);
  assert.equal(closed.length % 8, 0);
  assert.ok(closed.length / 8 < 4096, 'BPF_MAXINSNS');
  const open = buildFilter({ ...options, allowIoUring: true, allowUserNamespaces: true });
  assert.ok(open.length < closed.length);
  assert.deepEqual(buildFilter(options), closed);
});

test('building it leaves no open file, also when it fails', { skip }, () => {
  buildFilter(options);
  const before = readdirSync('/proc/self/fd').length;
  for (let round = 0; round < 20; round++) {
    buildFilter(options);
    assert.throws(() => buildFilter({ ...options, families: [64] }), TypeError);
  }
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('anything but the three options is a TypeError', { skip }, () => {
  const wrong: unknown[] = [
    undefined,
    null,
    1,
    {},
    { ...options, families: 'x' },
    { ...options, families: ['1'] },
    { ...options, families: [-1] },
    { ...options, allowIoUring: 1 },
    { ...options, allowUserNamespaces: undefined },
  ];
  for (const value of wrong) {
    assert.throws(() => buildFilter(value as typeof options), TypeError, JSON.stringify(value));
  }
});
