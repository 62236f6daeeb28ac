/**
 * Reviews that were changed at random, as documents and as bytes: nothing crashes, and nothing comes in that
 * the oracle refuses. TORWACHT_SEED asks the same again, TORWACHT_REVIEWS says how many.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { parseReview } from '#webhook/check/review.ts';
import { worldOf } from '#webhook/objects/world.ts';
import { answers } from '#webhook/server/answer.ts';
import { reviewOf } from '#webhook/testing/reviews.ts';
import { createRandom, type Random } from '../kernel/differential/random.ts';
import { mustNot } from './oracle.ts';
import { accepted } from './table/accepted.ts';
import { bindingsOf } from './table/bindings.ts';
import { refused } from './table/refused.ts';
import { type Row, requestOf } from './table/row.ts';

const seed = Number(process.env.TORWACHT_SEED ?? randomInt(2 ** 32));
const count = Number(process.env.TORWACHT_REVIEWS ?? 20_000);
const by = { world: worldOf(bindingsOf('plain')), outside: 'refuse' } as const;

const ofPlain = ({ under = 'plain', phase = 'create', by: who = 'runner' }: Row) =>
  under === 'plain' && phase === 'create' && ['runner', 'stranger'].includes(who);
/** The job's variables are most of a pod, and no rule looks at them. */
const withoutVariables = (key: string, value: unknown) =>
  key === 'env' && Array.isArray(value) && value.length > 9 ? [] : value;
const asText = (row: Row) => JSON.stringify(reviewOf(requestOf(row)), withoutVariables);
const good = accepted.filter(ofPlain).map(asText);
const bad = refused.filter(ofPlain).map(asText);

const words = [
  'privileged',
  'hostNetwork',
  'hostPID',
  'initContainers',
  'containers',
  'ephemeralContainers',
  'securityContext',
  'seccompProfile',
  'capabilities',
  'add',
  'drop',
  'type',
  'name',
  'image',
  'command',
  'restartPolicy',
  'Always',
  'RuntimeDefault',
  'Unconfined',
  'NET_ADMIN',
  'NET_RAW',
  'ALL',
  'torwacht-barrier',
  'hostPath',
  'path',
  '/',
  'livenessProbe',
  'httpGet',
  'host',
  'procMount',
  '__proto__',
  'constructor',
  'toString',
  'length',
  '',
];

type Holder = Record<string | number, unknown>;

/** Every map and list of a document. */
function holders(value: unknown, found: Holder[] = []): Holder[] {
  if (typeof value !== 'object' || value === null) return found;
  found.push(value as Holder);
  for (const child of Object.values(value)) holders(child, found);
  return found;
}

function anything(random: Random, all: readonly Holder[]): unknown {
  return random.pick<() => unknown>([
    () => null,
    () => true,
    () => false,
    () => random.int(3) - 1,
    () => random.pick(words),
    () => [],
    () => ({}),
    () => [random.pick(words)],
    () => ({ [random.pick(words)]: random.pick([true, 'x', {}, []]) }),
    () => structuredClone(random.pick(all)),
  ])();
}

function changeOnce(random: Random, document: unknown): void {
  const all = holders(document);
  const holder = random.pick(all);
  const keys = Object.keys(holder);
  const key = random.oneIn(3) || keys.length === 0 ? random.pick(words) : random.pick(keys);
  const way = random.int(4);
  if (Array.isArray(holder) && key === 'length') holder.length = 0;
  else if (way === 0) delete holder[key];
  else if (way === 1 && Array.isArray(holder)) holder.reverse();
  else if (way === 2 && Array.isArray(holder)) holder.unshift(anything(random, all));
  else if (key !== '__proto__') holder[key] = anything(random, all);
}

function changed(random: Random, text: string): string {
  if (random.oneIn(8)) {
    const bytes = Buffer.from(text);
    for (let i = 0; i <= random.int(4); i++) bytes[random.int(bytes.length)] = random.int(256);
    return bytes.toString('utf8');
  }
  const document = JSON.parse(text);
  for (let i = 0; i <= random.int(3); i++) changeOnce(random, document);
  return JSON.stringify(document);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

test(`${count} changed reviews (seed ${seed})`, () => {
  const random = createRandom(seed);
  const seen = { none: 0, allowed: 0, refused: 0 };
  for (let i = 0; i < count; i++) {
    const text = changed(random, random.pick(random.oneIn(3) ? bad : good));
    const review = parseReview(parsed(text));
    if (review === null) {
      seen.none++;
      continue;
    }
    for (const hook of ['outside', 'objects', 'inject'] as const) answers[hook](review, by);
    const { allowed, message = '' } = answers.pods(review, by);
    seen[allowed ? 'allowed' : 'refused']++;
    const isPod = review.operation === 'CREATE' && (review.subResource ?? '') === '';
    if (allowed && isPod && review.namespace === 'plain')
      assert.equal(mustNot(review.object), null, text);
    assert.match(message, /^[\x20-\x7e]*$/);
  }
  // All three must be met, or it looked at nothing.
  for (const [what, times] of Object.entries(seen))
    assert.ok(times > count / 100, `${what}: ${times}`);
});

test('control: the oracle refuses what the table refuses for the pod’s own sake, and nothing that is accepted', () => {
  for (const text of good) assert.equal(mustNot(JSON.parse(text).request.object), null);
  const known = bad.filter((text) => mustNot(JSON.parse(text).request.object) !== null);
  assert.ok(known.length > bad.length / 2, `${known.length} of ${bad.length}`);
});
