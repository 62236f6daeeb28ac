import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rounds } from '../test/runner/rounds.ts';
import { Ceiling } from './ceiling.ts';
import { constantPrefix, contains, formatPrefix } from './cidr.ts';
import type { CidrRule } from './flatten.ts';
import { formatName, parseName } from './names.ts';
import type { NameRule, Permission } from './types.ts';

const line = (from: number, to = from, protocol = 6): Permission => ({
  action: 'allow',
  protocol,
  from,
  to,
  rule: 0,
});
const name = (text: string, lines = [line(443)], isPrivate = false): NameRule => {
  const pattern = parseName(text);
  assert.ok(!('message' in pattern));
  return { pattern, private: isPrivate, permissions: lines };
};
const prefix = (text: string, lines = [line(443)]): CidrRule => ({
  ...constantPrefix(text),
  permissions: lines,
});

const names: readonly (readonly [own: string, bound: string, left: string | null])[] = [
  ['a.test', 'a.test', 'a.test'],
  ['a.test', 'b.test', null],
  ['b.a.test', '*.a.test', 'b.a.test'],
  ['c.b.a.test', '*.a.test', null],
  ['c.b.a.test', '**.a.test', 'c.b.a.test'],
  ['a.b.test', '**.a.b.test', null],
  ['*.a.test', 'b.a.test', 'b.a.test'],
  ['*.a.test', 'c.b.a.test', null],
  ['*.a.test', '*.a.test', '*.a.test'],
  ['*.b.a.test', '*.a.test', null],
  ['*.a.test', '*.b.a.test', null],
  ['*.a.test', '**.a.test', '*.a.test'],
  ['*.b.a.test', '**.a.test', '*.b.a.test'],
  ['*.a.test', '**.b.a.test', null],
  ['**.a.test', 'a.test', null],
  ['**.a.test', 'c.b.a.test', 'c.b.a.test'],
  ['**.a.test', '*.a.test', '*.a.test'],
  ['**.a.test', '*.b.a.test', '*.b.a.test'],
  ['**.b.a.test', '*.a.test', null],
  ['**.a.test', '**.b.a.test', '**.b.a.test'],
  ['**.b.a.test', '**.a.test', '**.b.a.test'],
  ['**.xa.test', '**.a.test', null],
];
for (const [own, bound, left] of names) {
  test(`${own} below a ceiling of ${bound} is ${left ?? 'nothing'}`, () => {
    const limited = new Ceiling([name(bound)], []).limitName(name(own));
    assert.deepEqual(
      limited.map(({ pattern }) => formatName(pattern)),
      left === null ? [] : [left],
    );
  });
}

test('ports and protocols are those of both', () => {
  const ceiling = new Ceiling([name('a.test', [line(80, 90, 0), line(1000, 2000, 17)])], []);
  const own = name('a.test', [line(85, 1500, 6), line(85, 1500, 17)]);
  assert.deepEqual(
    ceiling.limitName(own).map(({ permissions }) => permissions),
    [[line(85, 90, 0), line(1000, 1500, 17)]],
  );
  assert.deepEqual(ceiling.limitName(name('a.test', [line(443)])), []);
});

test('a private answer needs the word of both', () => {
  for (const [own, bound] of [
    [true, true],
    [true, false],
    [false, true],
  ] as const) {
    const ceiling = new Ceiling([name('**.a.test', [line(443)], bound)], []);
    const [left] = ceiling.limitName(name('x.a.test', [line(443)], own));
    assert.equal(left?.private, own && bound);
  }
});

test('a prefix is cut to what lies below the ceiling', () => {
  const ceiling = new Ceiling([], [prefix('192.0.2.0/25'), prefix('192.0.2.64/26', [line(22)])]);
  const limited = (text: string, lines = [line(443), line(22)]) =>
    ceiling
      .limitPrefix(prefix(text, lines))
      .map((one) => `${formatPrefix(one)} ${one.permissions.map(({ from }) => from)}`);
  assert.deepEqual(limited('192.0.0.0/16'), ['192.0.2.0/25 443', '192.0.2.64/26 22']);
  assert.deepEqual(limited('192.0.2.65/32'), ['192.0.2.65/32 443', '192.0.2.65/32 22']);
  assert.deepEqual(limited('192.0.2.128/25'), []);
  assert.deepEqual(limited('0.0.0.0/0', [line(22)]), ['192.0.2.64/26 22']);
});

test('whatever is left is in both, and whatever is in both is left', () => {
  const label = fc.constantFrom('a', 'b');
  const text = fc
    .tuple(fc.constantFrom('', '*.', '**.'), fc.array(label, { maxLength: 3 }))
    .map(([star, labels]) => `${star}${[...labels, 'b', 'test'].join('.')}`);
  const lines = fc.array(
    fc
      .tuple(
        fc.constantFrom(0, 6, 17),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 2 }),
      )
      .map(([protocol, from, more]) => line(from, from + more, protocol)),
    { minLength: 1, maxLength: 2 },
  );
  const rules = fc.array(fc.tuple(text, lines), { minLength: 1, maxLength: 4 });
  const queried = fc.array(label, { maxLength: 5 }).map((labels) => [...labels, 'b', 'test']);
  const opens = (rule: NameRule, labels: readonly string[], protocol: number, port: number) => {
    const { pattern, permissions } = rule;
    const more = labels.length - pattern.labels.length;
    const fits = { none: more === 0, one: more === 1, many: more >= 1 }[pattern.wildcard];
    return (
      fits &&
      labels.slice(more).join('.') === pattern.labels.join('.') &&
      permissions.some(
        (one) =>
          (one.protocol === 0 || one.protocol === protocol) && one.from <= port && port <= one.to,
      )
    );
  };
  fc.assert(
    fc.property(rules, rules, queried, (own, bounds, labels) => {
      const wanted = own.map(([one, of]) => name(one, of));
      const most = bounds.map(([one, of]) => name(one, of));
      const ceiling = new Ceiling(most, []);
      const left = wanted.flatMap((rule) => ceiling.limitName(rule));
      for (const protocol of [6, 17]) {
        for (let port = 1; port <= 6; port++) {
          const by = (list: readonly NameRule[]) =>
            list.some((rule) => opens(rule, labels, protocol, port));
          assert.equal(by(left), by(wanted) && by(most), `${labels.join('.')} ${port}`);
        }
      }
    }),
    { numRuns: rounds(2000) },
  );
});

test('the same of prefixes', () => {
  const some = fc
    .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 28, max: 32 }))
    .map(([bits, length]) => {
      const address = (0xc0000200 + (bits & ~((1 << (32 - length)) - 1))) >>> 0;
      return { address, length };
    });
  const rules = fc.array(
    fc
      .tuple(some, fc.integer({ min: 1, max: 3 }))
      .map(([one, port]) => ({ ...one, permissions: [line(port, port + 1)] })),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(rules, rules, fc.integer({ min: 0, max: 15 }), (own, bounds, last) => {
      const left = own.flatMap((rule) => new Ceiling([], bounds).limitPrefix(rule));
      for (let port = 1; port <= 4; port++) {
        const by = (list: readonly CidrRule[]) =>
          list.some(
            (rule) =>
              contains(rule, 0xc0000200 + last) &&
              rule.permissions.some((one) => one.from <= port && port <= one.to),
          );
        assert.equal(by(left), by(own) && by(bounds));
      }
    }),
    { numRuns: rounds(2000) },
  );
});
