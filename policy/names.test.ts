import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allowRuleSchema } from '#api/rule.ts';
import { rounds } from '../test/runner/rounds.ts';
import { formatName, parseName, queriedName } from './names.ts';

const accepted: readonly (readonly [text: string, canonical: string])[] = [
  ['example.com', 'example.com'],
  ['Example.COM.', 'example.com'],
  ['*.example.com', '*.example.com'],
  ['**.example.com', '**.example.com'],
  ['_dmarc.example.com', '_dmarc.example.com'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['gitlab', 'gitlab'],
  ['1.example.com', '1.example.com'],
  ['r3---sn.example.com', 'r3---sn.example.com'],
  [`${'a'.repeat(63)}.test`, `${'a'.repeat(63)}.test`],
];
for (const [text, canonical] of accepted) {
  test(`${text} is a name in rules`, () => {
    const pattern = parseName(text);
    assert.ok(!('message' in pattern));
    assert.equal(formatName(pattern), canonical);
  });
}

const long = `${'a'.repeat(63)}.`.repeat(4);
const refused: readonly (readonly [text: string, message: string, hint: string])[] = [
  ['', 'is empty', 'Write a name, like example.com.'],
  ['*', 'would match every name', 'Name the domains that the job needs.'],
  ['**', 'would match every name', 'Name the domains that the job needs.'],
  [
    '*.com',
    'would match everything below com',
    'A wildcard needs at least two labels behind it, like *.example.com.',
  ],
  [
    '**.com.',
    'would match everything below com',
    'A wildcard needs at least two labels behind it, like *.example.com.',
  ],
  ['.example.com', 'begins with a dot', 'Use `*.` for one label more, `**.` for one or more.'],
  [
    '***.example.com',
    'begins with more than two stars',
    'Use `*.` for one label, `**.` for one or more.',
  ],
  [
    'a.*.example.com',
    'has a star that is not the whole first label',
    'Stars stand in front only: `*.` for one label, `**.` for one or more.',
  ],
  [
    'cdn*.example.com',
    'has a star that is not the whole first label',
    'Stars stand in front only: `*.` for one label, `**.` for one or more.',
  ],
  [
    '*.*.example.com',
    'has a star that is not the whole first label',
    'Stars stand in front only: `*.` for one label, `**.` for one or more.',
  ],
  ['a..example.com', 'has an empty label', 'Write single dots between labels.'],
  ['example.com..', 'has an empty label', 'Write single dots between labels.'],
  ['https://example.com', 'is a URL', 'Write the host name alone; ports go to `ports`.'],
  ['example.com:443', 'holds a port', 'Write the name alone and the port under `ports`.'],
  [
    '2001:db8::1',
    'holds a colon',
    'Write a host name. IPv6 addresses are always denied in this version.',
  ],
  ['example.com/a', 'holds a slash', 'Write the host name alone; prefixes go to `cidr`.'],
  ['a@example.com', 'holds an @', 'Write the host name alone.'],
  ['a.test b.test', 'holds white space', 'Write one name per list entry.'],
  ['192.0.2.1', 'is an address', 'Write it under `cidr`: 192.0.2.1/32'],
  ['example.123', 'ends with a number, which no name does', 'Check the last label.'],
  ['bücher.example', 'is not ASCII', 'Write it as it is in DNS: xn--bcher-kva.example'],
  ['*.bücher.example', 'is not ASCII', 'Write it as it is in DNS: *.xn--bcher-kva.example'],
  [
    '-a.example.com',
    'has the impossible label "-a"',
    'Labels are letters, digits, underscores and inner hyphens.',
  ],
  [
    'a\u0007.example.com',
    'has the impossible label "a\\u0007"',
    'Labels are letters, digits, underscores and inner hyphens.',
  ],
  [`${'a'.repeat(64)}.test`, 'has a label of 64 characters', 'A label has at most 63.'],
  [`${long}a`, 'is 257 characters long', 'A name has at most 253.'],
  ['a'.repeat(100_000), 'is 100000 characters long', 'A name has at most 253.'],
];
for (const [text, message, hint] of refused) {
  test(`the name ${JSON.stringify(text.slice(0, 40))} is refused: ${message}`, () => {
    assert.deepEqual(parseName(text), { message, hint });
  });
}

test('whatever is a name here is one for the schema, and so for the API server', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '9',
    '-',
    '_',
    '.',
    '*',
    '*.',
    '**.',
    'example',
    'com',
    'ü',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join('');
      const ours = !('message' in parseName(text));
      if (ours) assert.ok(allowRuleSchema.safeParse({ fqdn: [text] }).success, text);
    }),
    { numRuns: rounds(2000) },
  );
});

test('no text makes parsing throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const pattern = parseName(text);
      if (!('message' in pattern)) assert.deepEqual(parseName(formatName(pattern)), pattern);
    }),
  );
});

test('a queried name with a label that no rule can hold has no labels', () => {
  for (const name of [
    '',
    '.',
    'a..b',
    'A.test',
    'a b.test',
    'ä.test',
    'a'.repeat(64),
    `${long}a`,
  ]) {
    assert.equal(queriedName(name), null, name);
  }
  assert.equal(queriedName(['evil.example', 'com']), null);
  assert.equal(queriedName(['a\0', 'com']), null);
  assert.equal(queriedName([]), null);
  assert.equal(queriedName('a.example.com.'), 'a.example.com');
  assert.equal(queriedName(['a', 'example', 'com']), 'a.example.com');
});
