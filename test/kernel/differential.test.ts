/**
 * The verdict in C against its oracle in TypeScript, over random worlds and questions: as the kernel
 * runs it, and as the host's compiler made it. A difference is
 * printed with the seed: TORWACHT_SEED=… asks the same again, TORWACHT_CASES=… asks more.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { inspect, isDeepStrictEqual } from 'node:util';
import { native } from '#bpf/native.ts';
import type { CidrEntry, Permission } from '#policy/types.ts';
import { passes, type VerdictQuery, type VerdictState, verdict } from '#policy/verdict.ts';
import { assertReached, branchTable, taken } from './differential/branches.ts';
import { expected, ProgramSide, type Told } from './differential/program-side.ts';
import { hostBuild } from './differential/programs.ts';
import { createQuestion, type Question } from './differential/questions.ts';
import { createRandom } from './differential/random.ts';
import { createWorld, type World } from './differential/worlds.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const seed = Number(process.env.TORWACHT_SEED ?? randomInt(2 ** 32));
const cases = Number(process.env.TORWACHT_CASES ?? 40_000);
const PER_WORLD = 100;

type SideName = 'kernel' | 'host';

interface Case {
  readonly world: World;
  readonly question: Question;
  readonly told: readonly (readonly [SideName, Told])[];
}

function* ask(count: number): Generator<Case> {
  const random = createRandom(seed);
  const sides = [
    ['kernel', new ProgramSide(native(), 'verdict.bpf.o')],
    ['host', new ProgramSide(hostBuild(), 'verdict.bpf.o')],
  ] as const;
  try {
    for (let i = 0; i < count; ) {
      const world = createWorld(random);
      for (const [, side] of sides) side.enter(world);
      for (const end = Math.min(count, i + PER_WORLD); i < end; i++) {
        const question = createQuestion(random, world);
        const told = sides.map(([name, side]) => [name, side.ask(question)] as const);
        yield { world, question, told };
      }
    }
  } finally {
    for (const [, side] of sides) side.close();
  }
}

/** What of a case is compared. An address is read even of a packet that is refused for its form. */
function compare({ world, question }: Case, told: Told, oracle = verdict) {
  const want = expected(question.query, world, oracle);
  const { daddr, dport, malformed } = question.query;
  const { allow, reason, rule, name, expires } = told;
  return {
    want: { ...want, passes: passes(world.mode, want), ...(malformed ? {} : { daddr, dport }) },
    got: {
      ...{ allow, reason, rule, name, expires, passes: told.passes },
      ...(malformed ? {} : { daddr: told.daddr, dport: told.dport }),
    },
  };
}

test(`the verdict in C is the oracle's in every case (seed ${seed}, ${cases} cases)`, {
  skip,
}, (t) => {
  const host = hostBuild();
  const before = host.branches();
  let count = 0;
  for (const one of ask(cases)) {
    count += 1;
    for (const [side, told] of one.told) {
      const { want, got } = compare(one, told);
      if (isDeepStrictEqual(want, got)) continue;
      const { frame, ...rest } = one.question;
      const about = inspect(
        { ...rest, frame: frame.toString('hex'), world: one.world },
        { depth: 6 },
      );
      const said = `the ${side}'s says ${inspect(got)}, the oracle ${inspect(want)}`;
      assert.fail(`seed ${seed}, case ${count}: ${said}, of ${about}`);
    }
  }
  assert.equal(count, cases);
  // Of the verdict alone; the others are the hooks' own, and the sequences have them.
  const hooks = /^(packet|target|cache|connect|loopback packet|frame):|^reason: dns-budget$/;
  const branches = taken(before, host.branches(), hooks);
  t.diagnostic(branchTable(branches, count));
  assertReached(branches, count);
});

type Oracle = typeof verdict;
type Change = (query: VerdictQuery, state: VerdictState) => [VerdictQuery, VerdictState];

const changed =
  (change: Change): Oracle =>
  (query, state) =>
    verdict(...change(query, state));

const withCidrs = (change: (entry: CidrEntry) => CidrEntry): Oracle =>
  changed((query, state) => [query, { ...state, cidrs: state.cidrs.map(change) }]);

const withLines = (change: (lines: readonly Permission[]) => readonly Permission[]): Oracle =>
  changed((query, state) => {
    const names = new Map([...state.names].map(([name, lines]) => [name, change(lines)]));
    const cidrs = state.cidrs.map((c) => ({ ...c, permissions: change(c.permissions) }));
    return [query, { ...state, names, cidrs }];
  });

const withLearned = (change: (count: number) => number): Oracle =>
  changed((query, state) => {
    const entries = [...state.learned].map(
      ([address, slots]) => [address, slots.slice(0, change(slots.length))] as const,
    );
    return [query, { ...state, learned: new Map(entries) }];
  });

/** One thing wrong in each. */
const wrong: Readonly<Record<string, Oracle>> = {
  'an address expires a tick later': changed((q, s) => [{ ...q, now: q.now - 1 }, s]),
  'ranges of ports end one earlier': withLines((lines) =>
    lines.map((line) => ({ ...line, to: line.to - 1 })),
  ),
  'ranges of ports begin one later': withLines((lines) =>
    lines.map((line) => ({ ...line, from: line.from + 1 })),
  ),
  'the last matching line decides': withLines((lines) => lines.toReversed()),
  'the sixteenth line is not read': withLines((lines) => lines.slice(0, 15)),
  'rules hold for TCP alone': changed((q, s) => [
    { ...q, protocol: q.protocol === 17 ? 6 : q.protocol },
    s,
  ]),
  'deny lines of prefixes are ignored': withCidrs((entry) => ({
    ...entry,
    permissions: entry.permissions.filter((line) => line.action === 'allow'),
  })),
  'prefixes are one bit longer': withCidrs((entry) => ({
    ...entry,
    length: Math.min(32, entry.length + 1),
  })),
  'the last name of an address is not read': withLearned((count) => Math.min(count, 6)),
  'a socket’s name counts for new connections': changed((q, s) => [{ ...q, fresh: false }, s]),
  'a socket’s name does not count': changed((q, s) => [{ ...q, socketName: 0 }, s]),
  'IPv6 is not refused': changed((q, s) => [{ ...q, family: 4 }, s]),
  'options are not refused': changed((q, s) => [{ ...q, ipOptions: false }, s]),
  'fragments are not refused': changed((q, s) => [{ ...q, fragment: false }, s]),
  'resolvers over HTTPS are not refused': changed((q, s) => [q, { ...s, doh: new Set() }]),
  'a foreign service is none': changed((q, s) => [
    { ...q, local: q.local === 'foreign' ? 'none' : q.local },
    s,
  ]),
};

test('an oracle with one thing wrong disagrees', { skip }, async (t) => {
  const all = [...ask(40_000)];
  const differs = (oracle: Oracle) =>
    all.some((one) =>
      one.told.some(([, told]) => {
        const { want, got } = compare(one, told, oracle);
        return !isDeepStrictEqual(want, got);
      }),
    );
  assert.equal(differs(verdict), false);
  for (const [what, oracle] of Object.entries(wrong)) {
    await t.test(what, () => assert.equal(differs(oracle), true, `seed ${seed}`));
  }
});
