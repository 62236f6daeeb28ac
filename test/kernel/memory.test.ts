/**
 * What sockets remember, in the build for this host: cases that were wrong once, and models of that
 * memory with one thing wrong, which the random sequences must catch.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { constantAddress as ip } from '#policy/cidr.ts';
import { verdict } from '#policy/verdict.ts';
import type { Destination } from './differential/destinations.ts';
import { type MemoryRules, rightRules } from './differential/memory.ts';
import { Model, type Outcome } from './differential/model.ts';
import { hostBuild } from './differential/programs.ts';
import { tcpFrame } from './differential/questions.ts';
import { createRandom } from './differential/random.ts';
import { type Seen, SequenceSide } from './differential/sequence-side.ts';
import {
  type ChangeStep,
  createSequence,
  isQuestion,
  type QuestionStep,
  type Sequence,
  type StartStep,
} from './differential/steps.ts';
import { at, connect } from './differential/stories.ts';
import { createWorld, type World } from './differential/worlds.ts';

const seed = Number(process.env.TORWACHT_SEED ?? randomInt(2 ** 32));
const CASES = 40_000;
/** Any but loopback's: nothing is sent. */
const LINKS = { uplink: 2, inner: 3 };

/** What the programs say to each question of these steps. */
function answers(side: SequenceSide, [start, ...steps]: Sequence): Seen[] {
  side.start(start);
  return steps.flatMap((step) => {
    if (isQuestion(step)) return [side.ask(step)];
    side.change(step);
    return [];
  });
}

/** What a model says to them. */
function expectations([start, ...steps]: Sequence, rules: MemoryRules = rightRules): Outcome[] {
  const model = new Model(start, rules);
  return steps.flatMap((step) => {
    if (isQuestion(step)) return [model.ask(step)];
    model.change(step);
    return [];
  });
}

function withHost<T>(use: (side: SequenceSide) => T): T {
  const side = new SequenceSide(hostBuild(), LINKS);
  try {
    return use(side);
  } finally {
    side.close();
  }
}

const random = createRandom(1);
const named = { address: ip('198.51.100.7'), protocol: 6, port: 443, name: 3 };
const line = { action: 'allow', protocol: 6, from: 443, to: 443, rule: 1 } as const;
const now = 1000;
const names = new Map([[named.name, [line]]]);
const other = ip('198.51.100.8');
const slots = [{ name: named.name, expires: now + 10 }];
const learned = new Map([
  [named.address, slots],
  [other, slots],
]);
const empty = createWorld(random, { of: 'sequences', now });
const nothing = { ...empty.state, resolver: null, cidrs: [], doh: new Set<number>() };
/** One name, to which TCP 443 is allowed, and two addresses of it. */
const world: World = { ...empty, mode: 'Block', state: { ...nothing, names, learned } };
const start: StartStep = {
  ...{
    do: 'start',
    shape: 'called',
    world,
    flags: { ownNetns: false, redirect: false, backstop: false },
    own: [],
  },
  sockets: [{ type: 1, protocol: 6, stream: true, owned: true }],
};
const asked = { socket: 1, peer: 'none', inTarget: true } as const;
const segment = (to: Destination, flag: 'SYN' | 'ACK'): QuestionStep => ({
  ...{ do: 'packet', ...asked, frame: tcpFrame(random, to, flag), link: 'uplink' },
});
/** A raw socket can send it: as far as its ports, and no further. */
const cutOff = (to: Destination): QuestionStep => {
  const frame = tcpFrame(random, to, 'SYN').subarray(0, 14 + 20 + 8);
  return { do: 'packet', ...asked, frame, link: 'uplink' };
};
const opens = segment(named, 'SYN');
const goesOn = segment(named, 'ACK');
const edit: ChangeStep = { do: 'policy', world };

const cases: readonly [
  what: string,
  steps: readonly (QuestionStep | ChangeStep)[],
  passes: readonly boolean[],
][] = [
  [
    'an open connection goes on by its name, whatever expires and is edited',
    [opens, { do: 'time', ticks: 20 }, goesOn, edit, goesOn],
    [true, true, true],
  ],
  [
    'an edit that takes the name’s rules away ends it',
    [opens, { do: 'policy', world: { ...world, state: nothing } }, goesOn],
    [true, false],
  ],
  [
    'of whose names one has the same number, another target in the same slot knows nothing',
    [opens, { do: 'successor', world: { ...world, state: { ...nothing, names } } }, goesOn],
    [true, false],
  ],
  [
    'what went on after an edit does not open an expired address again',
    [opens, edit, goesOn, { do: 'time', ticks: 20 }, goesOn, opens, connect(asked.socket, named)],
    [true, true, true, false, false],
  ],
  [
    'a segment that ends behind its ports goes nowhere, also where its name was learned',
    [opens, cutOff({ ...named, address: other }), segment({ ...named, address: other }, 'SYN')],
    [true, false, true],
  ],
  [
    'a socket that had a connection and listens now sends nothing to just anyone',
    [opens, goesOn, segment({ ...named, address: ip('203.0.113.9') }, 'ACK')],
    [true, true, false],
  ],
];

for (const [what, steps, passes] of cases) {
  test(what, () => {
    const seen = withHost((side) => answers(side, [start, ...steps]));
    assert.deepEqual(
      seen.map((one) => one.passes),
      passes,
    );
    const { length } = expectations([start, ...steps]).filter((one, i) => one.passes === passes[i]);
    assert.equal(length, passes.length, 'the model says the same');
  });
}

/** A container that is nested in a namespace of the target's own: its packets go by no link that leads out. */
const nested: StartStep = {
  ...start,
  flags: { ownNetns: true, redirect: false, backstop: true },
};
const query = { ...segment({ ...named, port: 53 }, 'SYN'), link: 'inner' } as const;

test('queries of nested containers have a budget', () => {
  const steps = Array.from({ length: 6 }, () => query);
  const want = [true, true, false, false, false, false];
  const seen = withHost((side) =>
    answers(side, [nested, ...steps, { do: 'time', ticks: 8 }, query]),
  );
  assert.deepEqual(
    seen.map((one) => one.passes),
    [...want, true],
  );
  assert.equal(seen.at(-1)?.counted, 4, 'and what is beyond it makes rows');
});

test('a connection of a nested container goes on after its address expired, and is not opened again', () => {
  const syn = tcpFrame(random, named, 'SYN');
  const ack = Buffer.from(syn);
  ack.writeUInt8(0x18, 14 + 20 + 13);
  const [opensThere, goesOnThere] = [at(0, syn), at(0, ack)];
  const steps = [
    opensThere,
    goesOnThere,
    { do: 'time', ticks: 20 },
    goesOnThere,
    opensThere,
  ] as const;
  const seen = withHost((side) => answers(side, [nested, ...steps]));
  assert.deepEqual(
    seen.map((one) => one.passes),
    [true, true, true, false],
  );
});

/** One thing wrong in each. */
const wrong: Readonly<Record<string, Partial<MemoryRules>>> = {
  'what a socket remembers outlives a change of policy': { sameTable: () => true },
  'an expired address stays open to a socket that knew it': { inTime: () => true },
  'an open connection ends with its address': {
    inTime: (memory, _fresh, at) => memory.expires === 0 || at < memory.expires,
  },
  'an address expires a tick later': {
    inTime: (memory, fresh, at) => memory.expires === 0 || !fresh || at <= memory.expires,
  },
  'the protocol is not part of a place': {
    samePlace: (memory, facts) => memory.daddr === facts.daddr && memory.dport === facts.dport,
  },
  'the port is not part of a place': {
    samePlace: (memory, { daddr, protocol }) =>
      memory.daddr === daddr && memory.protocol === protocol,
  },
  'the address is not part of a place': {
    samePlace: (memory, { dport, protocol }) =>
      memory.dport === dport && memory.protocol === protocol,
  },
  'a name of another target counts': { nameOf: (memory) => memory.name },
  'a name counts wherever its socket sends': {
    nameOf: (memory, target) => (memory.target === target ? memory.name : 0),
  },
  'what went on by its name may be opened again': {
    endOf: (at, left) => (left === 0 ? 0 : at + left),
  },
  'a change of policy cuts open connections': { nameOf: () => 0 },
  'what Observe let pass counts as allowed': { isAllowed: (memory) => memory.state !== 'new' },
  'there is no budget of queries': { withinBudget: () => true },
  'the budget is spent a query early': { withinBudget: (time, at) => time <= at },
  'expired addresses can be learned from': {
    verdict: (query, state) => verdict({ ...query, now: 0 }, state),
  },
  'a new connection may use the socket’s name': {
    verdict: (query, state) => verdict({ ...query, fresh: false }, state),
  },
};

test('a model with one thing wrong disagrees with the programs', async (t) => {
  const seeded = createRandom(seed);
  const sequences: { steps: Sequence; seen: Seen[] }[] = [];
  withHost((side) => {
    for (let count = 0; count < CASES; ) {
      const steps = createSequence(seeded);
      const seen = answers(side, steps);
      sequences.push({ steps, seen });
      count += seen.length;
    }
  });
  const differs = (rules: MemoryRules) =>
    sequences.some(({ steps, seen }) => {
      const want = expectations(steps, rules).map(({ justified: _, ...outcome }) => outcome);
      return !isDeepStrictEqual(want, seen);
    });
  assert.equal(differs(rightRules), false, `seed ${seed}`);
  for (const [what, change] of Object.entries(wrong)) {
    await t.test(what, () => {
      assert.equal(differs({ ...rightRules, ...change }), true, `seed ${seed}`);
    });
  }
});
