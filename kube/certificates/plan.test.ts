import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { factsOf } from './issue.ts';
import { bundleOf, type Held, lifetimes, nextStep, type Step, takeStep } from './plan.ts';

const DAY = 24 * 3600_000;
const START = Date.UTC(2026, 10, 26);
const names = ['torwacht-webhook.torwacht.svc', '127.0.0.1'];
const at = (held: Held | null, now: number) => ({ held, names, now, lifetimes });
const begin = await takeStep('begin', at(null, START));

test('a new one: an authority, and a certificate that it has signed for our names', () => {
  const leaf = new X509Certificate(begin.leaf.certificate);
  assert.ok(leaf.verify(new X509Certificate(begin.signer.certificate).publicKey));
  assert.equal(leaf.checkHost(names[0] ?? ''), names[0]);
  assert.equal(leaf.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(leaf.ca, false);
  assert.deepEqual(begin.trusted, [begin.signer.certificate]);
  assert.equal(nextStep(at(begin, START), true), null);
  assert.equal(nextStep(at(begin, START - 30 * 60_000), true), null, 'a clock that is behind');
});

test('two years, day by day: never without a certificate that holds and that is trusted', async () => {
  let held = begin;
  const taken: Step[] = [];
  for (let now = START; now < START + 730 * DAY; now += DAY / 2) {
    for (let step = nextStep(at(held, now), true); step !== null; ) {
      const before = held;
      held = await takeStep(step, at(held, now));
      taken.push(step);
      // Whoever still shows or trusts the one before gets on with whoever has the new one.
      if (step !== 'trim') assert.ok(before.trusted.every((one) => held.trusted.includes(one)));
      assert.ok(trusts(before.trusted, held.leaf.certificate), `${step} shows what nobody knows`);
      step = nextStep(at(held, now), true);
    }
    const facts = factsOf(held.leaf);
    assert.ok(facts !== null && facts.from <= now && facts.until > now + 20 * DAY);
    assert.ok(trusts(held.trusted, held.leaf.certificate));
  }
  assert.ok(taken.filter((step) => step === 'renew').length >= 8, taken.join(' '));
  assert.deepEqual(
    taken.filter((step) => step !== 'renew'),
    ['announce', 'promote'],
  );
});

function trusts(authorities: readonly string[], leaf: string): boolean {
  const parsed = new X509Certificate(leaf);
  return authorities.some((one) => parsed.verify(new X509Certificate(one).publicKey));
}

test('nothing is signed by an authority that is not published yet, or has just been', async () => {
  const late = START + lifetimes.authority - lifetimes.renewAuthority + DAY;
  const held = await takeStep('announce', at(begin, late));
  const waiting = { ...at(held, late + lifetimes.announced) };
  assert.equal(nextStep(waiting, true), 'promote');
  assert.equal(nextStep(waiting, false), 'renew');
  assert.equal(nextStep(at(held, late + 1000), true), 'renew');
  assert.equal(bundleOf(held).match(/BEGIN CERTIFICATE/g)?.length, 2);
});

const broken: readonly (readonly [what: string, held: Held | null, step: Step])[] = [
  ['nothing at all', null, 'begin'],
  ['no certificate', { ...begin, signer: { certificate: 'x', key: 'y' } }, 'begin'],
  ['a key of another', { ...begin, signer: { ...begin.signer, key: begin.leaf.key } }, 'begin'],
  ['an authority that is not among the trusted', { ...begin, trusted: [] }, 'begin'],
  ['a leaf that is none', { ...begin, leaf: { certificate: '', key: '' } }, 'renew'],
  ['a leaf of another authority', { ...begin, leaf: begin.signer }, 'renew'],
  [
    'a next authority that is none',
    { ...begin, next: { certificate: '', key: '', since: START } },
    'announce',
  ],
];
for (const [what, held, step] of broken) {
  test(`a Secret with ${what} is mended`, async () => {
    const situation = at(held, START);
    assert.equal(nextStep(situation, true), step);
    const after = await takeStep(step, situation);
    assert.equal(nextStep(at(after, START), true), null);
  });
}

test('a clock that is set back: what is dated years ahead is made anew', async () => {
  assert.equal(nextStep(at(begin, START - 400 * DAY), true), 'begin');
  const after = await takeStep('begin', at(begin, START - 400 * DAY));
  assert.ok(after.trusted.includes(begin.signer.certificate));
});

test('another name is signed at once', () => {
  const more = { ...at(begin, START), names: [...names, 'other.torwacht.svc'] };
  assert.equal(nextStep(more, true), 'renew');
});
