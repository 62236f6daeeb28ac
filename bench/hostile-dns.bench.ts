/**
 * What the worst message costs that a client or an upstream server can send: of the shapes in
 * dns/testing/hostile.ts the dearest, with an ordinary message as the baseline. A target's resolver does
 * one message at a time, so this bounds how long others wait behind one.
 */
import { decideAnswer } from '#dns/answer.ts';
import { encodeQuery, encodeReply, type Reply } from '#dns/codec/encode.ts';
import { decodeQuery } from '#dns/codec/query.ts';
import { decideQuery } from '#dns/decide.ts';
import { matchAnswer } from '#dns/match.ts';
import { type Hostile, hostileAnswers, hostileQueries } from '#dns/testing/hostile.ts';
import { a, cname, wireAnswer, wireQuery } from '#dns/testing/wire.ts';
import { judgeName } from '#policy/judge-name.ts';
import { type Figure, figure } from './figure.ts';
import { interleave, median, spread } from './statistics.ts';
import { benchPolicy } from './world.ts';

/** Each shape on trial, then the dearest one beside an ordinary message. */
const TRIALS = 9;
const ROUNDS = 40;
/** Messages in a round; a round is long against the clock's steps. */
const MESSAGES = 20;
/** ms */
const LIMIT = 1;

/** Everything is allowed, so that every message goes all the way. */
const policy = benchPolicy(
  ['example.test', 'test'].map((name) => ({
    pattern: { labels: name.split('.'), wildcard: 'many' },
    private: true,
    permissions: [{ action: 'allow', protocol: 6, from: 443, to: 443, rule: 1 }],
  })),
);
const judge = (name: string) => judgeName(policy, name);
const context = { judge, mode: 'Block', attached: null, transport: 'tcp' } as const;

const NAME = 'www.example.test';
const question = wireQuery({ name: NAME });
const sent = encodeQuery(7, NAME);
const ordinary = wireAnswer(sent, {
  answers: [cname(NAME, 'cdn.test'), a('cdn.test', '198.51.100.7')],
});

export async function run(): Promise<readonly Figure[]> {
  const takeQuery = (bytes: Uint8Array): void => void decideQuery(bytes, context);
  return [
    await judged('query', hostileQueries(), takeQuery, question),
    await judged('answer', hostileAnswers(sent), takeAnswer, ordinary),
  ];
}

/** From the socket to the reply: matched, judged, and answered if it can be. */
function takeAnswer(bytes: Uint8Array): void {
  if (matchAnswer(sent, bytes) !== 'final') return;
  const decided = decideAnswer(sent, bytes, { private: true, judge });
  const query = decodeQuery(question);
  if (decided.kind !== 'answer' || decided.refusal !== null || typeof query !== 'object') return;
  const { rcode, chain, addresses, ttl } = decided.facts;
  encodeReply(query, { rcode, chain, addresses, ttl } satisfies Reply, 0xffff);
}

/** The dearest of the shapes, measured in turns with an ordinary message. */
async function judged(
  kind: 'query' | 'answer',
  shapes: readonly Hostile[],
  take: (bytes: Uint8Array) => void,
  plain: Uint8Array,
): Promise<Figure> {
  const lane = (bytes: Uint8Array) => () => perMessage(() => take(bytes));
  const trials = await interleave(
    shapes.map(({ bytes }) => lane(bytes)),
    TRIALS,
  );
  const costs = trials.map(median);
  const dearest = shapes[costs.indexOf(Math.max(...costs))] as Hostile;
  const [values, baselines] = (await interleave([lane(dearest.bytes), lane(plain)], ROUNDS)) as [
    number[],
    number[],
  ];
  return figure({
    name: `DNS: hostile ${kind} (${dearest.what})`,
    unit: 'ms',
    value: median(values),
    spread: spread(values),
    baseline: median(baselines),
    target: { bound: 'at most', limit: LIMIT },
  });
}

/** ms of one message. */
function perMessage(take: () => void): number {
  const from = performance.now();
  for (let i = 0; i < MESSAGES; i++) take();
  return (performance.now() - from) / MESSAGES;
}
