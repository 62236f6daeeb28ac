import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rounds } from '../test/runner/rounds.ts';
import { contains, netmask } from './cidr.ts';
import { type CidrRule, flatten } from './flatten.ts';
import { firstMatch, permissionsOf } from './permissions.ts';

/** Few distinct bits, so that prefixes nest and collide. */
const address = fc
  .array(fc.integer({ min: 0, max: 1 }), { minLength: 5, maxLength: 5 })
  .map((bits) =>
    bits.reduce((value, bit, index) => (value + bit * 2 ** (31 - index * 7)) >>> 0, 0),
  );

const cidr = fc
  .record({
    address,
    length: fc.constantFrom(0, 1, 4, 8, 15, 22, 29, 32),
    deny: fc.boolean(),
    rule: fc.integer({ min: 1, max: 5 }),
    port: fc.integer({ min: 1, max: 3 }),
  })
  .map(
    ({ deny, rule, port, length, ...one }): CidrRule => ({
      address: (one.address & netmask(length)) >>> 0,
      length,
      permissions: permissionsOf(deny ? 'deny' : 'allow', rule * 2 + Number(deny), [
        { port, protocol: 'TCP' },
      ]),
    }),
  );

function longest(entries: readonly CidrRule[], wanted: number) {
  return entries
    .filter((entry) => contains(entry, wanted))
    .reduce<CidrRule | null>((best, one) => (best && best.length > one.length ? best : one), null);
}

test('the longest match alone decides as every covering rule together', () => {
  fc.assert(
    fc.property(fc.array(cidr, { maxLength: 12 }), address, (cidrs, wanted) => {
      const entries = flatten(cidrs, []);
      const covering = cidrs
        .filter((one) => contains(one, wanted))
        .flatMap((one) => one.permissions);
      const entry = longest(entries, wanted);
      assert.equal(entry === null, covering.length === 0);
      for (let port = 1; port <= 3; port++) {
        const matching = covering.filter((line) => line.from === port);
        const denies = matching.filter((line) => line.action === 'deny');
        const deciding = denies.length > 0 ? denies : matching;
        const found = firstMatch(entry?.permissions ?? [], 6, port);
        assert.equal(found?.action, deciding[0]?.action);
        if (found) assert.equal(found.rule, Math.min(...deciding.map((line) => line.rule)));
      }
    }),
    { numRuns: rounds(1000) },
  );
});

test('every entry is a prefix once, in order of address and length', () => {
  fc.assert(
    fc.property(fc.array(cidr, { maxLength: 12 }), (cidrs) => {
      const keys = flatten(cidrs, []).map((entry) => entry.address * 64 + entry.length);
      assert.deepEqual(
        keys,
        [...new Set(keys)].sort((a, b) => a - b),
      );
    }),
  );
});

test('a prefix that says nothing new is left out', () => {
  const permissions = permissionsOf('allow', 1, [{ port: 443, protocol: 'TCP' }]);
  const entries = flatten(
    [
      { address: 0x0a000000, length: 8, permissions },
      { address: 0x0a010000, length: 16, permissions },
    ],
    [],
  );
  assert.deepEqual(
    entries.map((entry) => entry.length),
    [8],
  );
});
