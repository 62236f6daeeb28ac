import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorwachtError } from '#api/error.ts';
import { rounds } from '../test/runner/rounds.ts';
import { firstMatch, permissionsOf, reduce } from './permissions.ts';
import { MAX_PERMISSIONS, type Permission } from './types.ts';

const line: fc.Arbitrary<Permission> = fc
  .record({
    action: fc.constantFrom('allow' as const, 'deny' as const),
    protocol: fc.constantFrom(0, 6, 17),
    from: fc.integer({ min: 1, max: 12 }),
    size: fc.integer({ min: 0, max: 4 }),
    rule: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ size, from, ...rest }) => ({ ...rest, from, to: from + size }))
  // A rule is either an allow or a deny.
  .map((one) => ({ ...one, rule: one.rule * 2 + (one.action === 'deny' ? 0 : 1) }));

/** What the lines say without any cleverness: any deny wins, then the earliest rule. */
function naive(lines: readonly Permission[], protocol: number, port: number) {
  const matching = lines.filter(
    (one) =>
      (one.protocol === 0 || one.protocol === protocol) && one.from <= port && port <= one.to,
  );
  const denies = matching.filter((one) => one.action === 'deny');
  const deciding = denies.length > 0 ? denies : matching;
  if (deciding.length === 0) return null;
  const rule = Math.min(...deciding.map((one) => one.rule));
  return { action: denies.length > 0 ? 'deny' : 'allow', rule };
}

function assertSame(reduced: readonly Permission[], lines: readonly Permission[]) {
  for (const protocol of [6, 17]) {
    for (let port = 0; port <= 18; port++) {
      const found = firstMatch(reduced, protocol, port);
      const got = found && { action: found.action, rule: found.rule };
      assert.deepEqual(got, naive(lines, protocol, port), `${protocol}/${port}`);
    }
  }
}

/** Null where the list has too many lines, which is an answer too. */
function tryReduce(lines: readonly Permission[]): readonly Permission[] | null {
  try {
    return reduce(lines, 'a.test', []);
  } catch (error) {
    assert.ok(error instanceof TorwachtError && error.code === 'TW_POLICY_TOO_MANY_LINES');
    return null;
  }
}

test('a reduced list decides as all its lines together, and names the same rule', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const reduced = lines.length < 2 ? lines : tryReduce(lines);
      if (reduced !== null) assertSame(reduced, lines);
    }),
    { numRuns: rounds(1000) },
  );
});

test('reducing in steps decides as reducing at once', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.array(line, { maxLength: 6 }), (a, b) => {
      const inSteps = tryReduce([...(tryReduce(a) ?? []), ...b]);
      if (inSteps !== null) assertSame(inSteps, [...a, ...b]);
    }),
    { numRuns: rounds(1000) },
  );
});

test('the same opening by many rules is one line, of the first rule', () => {
  const lines = Array.from({ length: 1000 }, (_, index) =>
    permissionsOf('allow', 1000 - index, [{ port: 443, protocol: 'TCP' }]),
  ).flat();
  assert.deepEqual(reduce(lines, 'a.test', []), [
    { action: 'allow', protocol: 6, from: 443, to: 443, rule: 1 },
  ]);
});

test('touching ranges of one rule and equal ranges of both protocols become one line', () => {
  const ports = [
    { port: 80, endPort: 89, protocol: 'TCP' as const },
    { port: 90, protocol: 'TCP' as const },
    { port: 80, endPort: 90, protocol: 'UDP' as const },
  ];
  assert.deepEqual(permissionsOf('allow', 3, ports), [
    { action: 'allow', protocol: 0, from: 80, to: 90, rule: 3 },
  ]);
});

test('an omitted list of ports is every port of both protocols', () => {
  assert.deepEqual(permissionsOf('deny', 1, undefined), [
    { action: 'deny', protocol: 0, from: 0, to: 65535, rule: 1 },
  ]);
});

test('more lines than the kernel reads are refused with the rules that made them', () => {
  const rules = [{ name: 'default', policy: '' }];
  const lines = Array.from({ length: MAX_PERMISSIONS + 1 }, (_, index) => {
    rules.push({ name: `EgressPolicy ci/p${index} allow[0]`, policy: `ci/p${index}` });
    return permissionsOf('allow', index + 1, [{ port: 1 + 2 * index, protocol: 'TCP' }]);
  });
  assert.throws(() => reduce(lines.flat(), 'a.test', rules), {
    code: 'TW_POLICY_TOO_MANY_LINES',
    message: 'a.test is named by rules with more than 16 different port ranges together.',
    hint:
      'Use wider port ranges, or fewer rules for it: EgressPolicy ci/p0 allow[0], ' +
      'EgressPolicy ci/p1 allow[0], EgressPolicy ci/p2 allow[0], and 14 more.',
  });
});
