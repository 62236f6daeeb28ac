import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GroupOptions, Groups } from './groups.ts';
import { eventOf } from './testing/rows.ts';

const MINUTE = 60_000;
const open = (change: Partial<GroupOptions> = {}) =>
  new Groups({
    ...{ quiet: 15 * MINUTE, repeat: 60 * MINUTE, insist: false, most: 1000, rows: 20 },
    ...{ fold: true, link: () => null },
    ...change,
  });
const domains = (rows: readonly { readonly domain: string | null }[]) =>
  rows.map(({ domain }) => domain);

test('one job at one destination is one group, whoever tries', () => {
  const groups = open();
  groups.add(eventOf({ last_seen: '2030-01-01T00:00:02.000Z' }), 0);
  groups.add(eventOf({ comm: 'curl', added: 4, time: '2029-12-31T00:00:00.000Z' }), 1);
  groups.add(eventOf({ job_name: 'test' }), 2);
  groups.add(eventOf({ project_id: '43' }), 3);
  groups.add(eventOf({ port: 443 }), 4);
  groups.add(eventOf({ action: 'observe' }), 5);
  assert.equal(groups.size, 5);
  const [first] = groups.take(6).firing;
  assert.deepEqual(
    [first?.count, first?.comm, first?.first_seen, first?.last_seen],
    [5, 'curl', '2029-12-31T00:00:00.000Z', '2030-01-01T00:00:02.000Z'],
  );
});

test('a group is told, told again when it goes on, and told to be over', () => {
  const groups = open();
  assert.equal(groups.dueIn(0), undefined);
  groups.add(eventOf(), 0);
  assert.equal(groups.dueIn(0), 0);
  assert.equal(groups.take(0).firing[0]?.count, 1);
  // Nothing new: next is its end.
  assert.equal(groups.dueIn(MINUTE), 14 * MINUTE);
  for (let minute = 10; minute <= 60; minute += 10) groups.add(eventOf(), minute * MINUTE);
  assert.equal(groups.dueIn(59 * MINUTE), MINUTE);
  assert.equal(groups.take(60 * MINUTE).firing[0]?.count, 7);
  assert.equal(groups.dueIn(60 * MINUTE), 15 * MINUTE);
  const { firing, resolved } = groups.take(75 * MINUTE);
  assert.deepEqual([firing, resolved[0]?.count, groups.size], [[], 7, 0]);
  groups.add(eventOf(), 76 * MINUTE);
  assert.equal(groups.take(76 * MINUTE).firing[0]?.count, 1, 'another one');
});

test('what nobody was told of is told first, however long it is over', () => {
  const groups = open();
  groups.add(eventOf(), 0);
  assert.equal(groups.untold, 1);
  const late = 100 * MINUTE;
  assert.equal(groups.take(late).firing.length, 1);
  assert.equal(groups.take(late).resolved.length, 1);
});

test('a receiver that forgets is told again without another attempt', () => {
  const groups = open({ insist: true, repeat: MINUTE });
  groups.add(eventOf(), 0);
  groups.take(0);
  assert.equal(groups.dueIn(0), MINUTE);
  assert.equal(groups.take(MINUTE).firing.length, 1);
});

test('rows beyond a message are a number, or come with the next one', () => {
  for (const fold of [true, false]) {
    const groups = open({ rows: 3, fold });
    for (let n = 0; n < 5; n += 1) groups.add(eventOf({ domain: `d${n}`, added: n + 1 }), 0);
    const notice = groups.take(0);
    assert.deepEqual(domains(notice.firing), ['d4', 'd3', 'd2'], 'the busiest first');
    assert.deepEqual(notice.more, fold ? { groups: 2, attempts: 3 } : { groups: 0, attempts: 0 });
    assert.equal(groups.dueIn(0), fold ? 15 * MINUTE : 0);
    assert.equal(groups.take(0).firing.length, fold ? 0 : 2);
  }
});

test('a flood is bounded, and no attempt of it is forgotten', () => {
  const groups = open();
  let told = 0;
  for (let n = 0; n < 10_000; n += 1) groups.add(eventOf({ domain: `d${n}`, added: 2 }), 0);
  assert.equal(groups.size, 1000);
  const { firing, more } = groups.take(0);
  for (const { count } of firing) told += count;
  assert.equal(told + more.attempts, 20_000);
  assert.deepEqual(groups.take(0).more, { groups: 0, attempts: 0 }, 'told once');
});
