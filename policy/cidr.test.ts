import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  constantAddress,
  contains,
  formatAddress,
  formatPrefix,
  netmask,
  parseAddress,
  parsePrefix,
  rangeKind,
} from './cidr.ts';

const address = fc.integer({ min: 0, max: 0xffffffff });
const length = fc.integer({ min: 0, max: 32 });

test('an address that is formatted parses to itself', () => {
  fc.assert(
    fc.property(address, (value) => assert.equal(parseAddress(formatAddress(value)), value)),
  );
});

test('a prefix that is formatted parses to itself', () => {
  fc.assert(
    fc.property(address, length, (value, bits) => {
      const prefix = { address: (value & netmask(bits)) >>> 0, length: bits };
      assert.deepEqual(parsePrefix(formatPrefix(prefix)), prefix);
    }),
  );
});

test('a prefix holds an address when the leading bits are equal', () => {
  fc.assert(
    fc.property(address, address, length, (a, b, bits) => {
      const prefix = { address: (a & netmask(bits)) >>> 0, length: bits };
      const lead = (value: number) => value.toString(2).padStart(32, '0').slice(0, bits);
      assert.equal(contains(prefix, b), lead(a) === lead(b));
    }),
  );
});

test('a prefix with host bits is refused', () => {
  fc.assert(
    fc.property(address, length, (value, bits) => {
      const hostBits = (value & ~netmask(bits)) >>> 0;
      const result = parsePrefix(`${formatAddress(value)}/${bits}`);
      assert.equal('message' in result, hostBits !== 0);
    }),
  );
});

const refused: readonly (readonly [text: string, message: string, hint: string])[] = [
  [
    '',
    'is not an IPv4 address',
    'Write four numbers from 0 to 255 without leading zeros, like 192.0.2.10.',
  ],
  ['10.0.0.0', 'has no prefix length', 'For this address alone write 10.0.0.0/32.'],
  [
    '10.0.0.1/24',
    'has bits set behind its prefix length of 24',
    'Write 10.0.0.0/24 for the network, or 10.0.0.1/32 for this address alone.',
  ],
  [
    '10.0.0.0/33',
    'has the prefix length "33", which is not 0 to 32',
    'Write the number of leading bits that count, like /24.',
  ],
  [
    '10.0.0.0/08',
    'has the prefix length "08", which is not 0 to 32',
    'Write the number of leading bits that count, like /24.',
  ],
  [
    '10.0.0.0/-1',
    'has the prefix length "-1", which is not 0 to 32',
    'Write the number of leading bits that count, like /24.',
  ],
  [
    '10.0.0.0/',
    'has the prefix length "", which is not 0 to 32',
    'Write the number of leading bits that count, like /24.',
  ],
  [
    '010.0.0.0/8',
    'has the octet 010, which some programs read as octal',
    'Write 10 if that is what is meant.',
  ],
  [
    '256.0.0.0/8',
    'has the octet 256, which is above 255',
    'Write four numbers from 0 to 255 without leading zeros, like 192.0.2.10.',
  ],
  [
    '10.0.0/8',
    'is not an IPv4 address',
    'Write four numbers from 0 to 255 without leading zeros, like 192.0.2.10.',
  ],
  [
    '0x0a.0.0.0/8',
    'is not an IPv4 address',
    'Write four numbers from 0 to 255 without leading zeros, like 192.0.2.10.',
  ],
  [
    '2001:db8::/32',
    'is IPv6, which this version always denies',
    'Remove it. IPv6 needs no deny rule, and no rule can allow it yet.',
  ],
  [
    '::ffff:10.0.0.0/104',
    'is IPv6, which this version always denies',
    'Remove it. IPv6 needs no deny rule, and no rule can allow it yet.',
  ],
];
for (const [text, message, hint] of refused) {
  test(`the prefix "${text}" is refused: ${message}`, () => {
    assert.deepEqual(parsePrefix(text), { message, hint });
  });
}

const kindsOfAddress = {
  '10.255.0.1': 'private',
  '172.31.255.255': 'private',
  '172.32.0.0': null,
  '192.168.1.1': 'private',
  '127.0.0.53': 'loopback',
  '169.254.1.1': 'link-local',
  '169.254.169.254': 'metadata',
  '168.63.129.16': 'metadata',
  '100.100.100.200': 'metadata',
  '100.100.100.201': 'cgnat',
  '100.128.0.0': null,
  '224.0.0.251': 'multicast',
  '255.255.255.255': 'reserved',
  '0.0.0.0': 'reserved',
  '192.0.2.1': null,
} as const;
for (const [text, kind] of Object.entries(kindsOfAddress)) {
  test(`${text} is ${kind ?? 'an ordinary address'}`, () => {
    assert.equal(rangeKind(constantAddress(text)), kind);
  });
}
