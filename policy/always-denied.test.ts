import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alwaysDeniedReasons, dohAddresses, dohProviders, metadataNames } from './always-denied.ts';
import { constantAddress, rangeKind } from './cidr.ts';
import { formatName, parseName } from './names.ts';

test('every listed name and address is possible, sourced and listed once', () => {
  const entries = [...dohProviders, ...metadataNames];
  const names = entries.flatMap((entry) => entry.names);
  const addresses = entries.flatMap((entry) => entry.addresses);
  assert.equal(new Set(names).size, names.length);
  assert.equal(new Set(addresses).size, addresses.length);
  for (const entry of entries) assert.match(entry.source, /^https:\/\//, entry.provider);
  for (const name of names) {
    const pattern = parseName(name);
    assert.ok(!('message' in pattern), name);
    assert.equal(formatName(pattern), name);
  }
});

test('the addresses of resolvers are public ones, as sorted unsigned numbers', () => {
  assert.ok(dohAddresses.includes(constantAddress('9.9.9.9')));
  assert.ok(dohAddresses.includes(constantAddress('223.5.5.5')));
  for (const address of dohAddresses) assert.equal(rangeKind(address), null);
  assert.deepEqual(
    dohAddresses,
    [...dohAddresses].sort((a, b) => a - b),
  );
  assert.ok(dohAddresses.every((address) => address >= 0));
});

test('what holds in every mode is this', () => {
  assert.deepEqual([...alwaysDeniedReasons].sort(), [
    'dns-budget',
    'dns-server',
    'doh',
    'dot',
    'fragment',
    'icmp',
    'ip-options',
    'ipv6',
    'malformed',
    'metadata',
    'multicast',
    'no-target',
    'probe',
    'protocol',
  ]);
});
