/** The judge itself: it must see a hole, a missing row, a limit that is gone, and a control that failed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import { judge, type Result } from './judge.ts';
import type { GetsThrough, Refused } from './technique.ts';

const event: EgressEvent = {
  version: 1,
  id: null,
  time: '2026-11-26T00:00:00.000Z',
  last_seen: '2026-11-26T00:00:00.000Z',
  action: 'block',
  target: 'test',
  namespace: null,
  pod: null,
  container: null,
  project_id: null,
  job_name: null,
  job_url: null,
  pid: 7,
  comm: 'probe',
  parent_comm: null,
  exe: null,
  argv: null,
  uid: 0,
  ancestry: [],
  domain: null,
  ip: '198.51.100.1',
  port: 8000,
  protocol: 'tcp',
  count: 1,
  added: null,
  rule: 'default',
  policy: null,
  reason: 'default',
};
const refused: Refused = {
  step: 'tcp 198.51.100.1 8000',
  witness: { packets: '198.51.100.1' },
  record: { row: { reason: 'default', ip: '198.51.100.1' } },
};
const through: GetsThrough = { step: 'x', witness: { packets: '198.51.100.2' }, through: true };

const result = (change: Partial<Result>): Result => ({
  attempt: refused,
  free: 'ok',
  held: 'EPERM',
  seenFree: 1,
  seenHeld: 0,
  run: { events: [event], said: '' },
  ...change,
});
const noRows = { events: [], said: '' };

test('refused and recorded is as it should be', () => {
  assert.equal(judge(result({})), undefined);
});

test('what arrives held is a hole, also where the control saw nothing', () => {
  assert.throws(() => judge(result({ seenHeld: 1 })), /it got through/);
  assert.throws(() => judge(result({ seenFree: 0, seenHeld: 1 })), /it got through/);
});

for (const [what, other] of [
  ['no row', []],
  ['a row of another reason', [{ ...event, reason: 'port' }]],
  ['a row of another process', [{ ...event, comm: 'curl' }]],
  ['a row that let it pass', [{ ...event, action: 'observe' }]],
] as const) {
  test(`${what} is no record`, () => {
    assert.throws(() => judge(result({ run: { ...noRows, events: other } })), /no row/);
  });
}

test('without a control it is skipped, and says why', () => {
  assert.match(judge(result({ seenFree: 0, free: 'EPROTONOSUPPORT' })) ?? '', /EPROTONOSUPPORT/);
  assert.match(judge(result({ attempt: { ...refused, free: /^0/ } })) ?? '', /control/);
});

test('a refused call must be refused as it is told', () => {
  const attempt: Refused = { ...refused, record: { call: 'EPERM' } };
  assert.equal(judge(result({ attempt, run: noRows })), undefined);
  assert.throws(() => judge(result({ attempt, held: 'ok', run: noRows })));
});

test('a limit that no longer gets through is told', () => {
  assert.equal(judge(result({ attempt: through, seenHeld: 1 })), undefined);
  assert.throws(() => judge(result({ attempt: through })), /holds no more/);
});

test('a preparation that fails held fails', () => {
  const attempt = { step: 'x', held: /^ok$/ };
  assert.equal(judge(result({ attempt, held: 'ok' })), undefined);
  assert.throws(() => judge(result({ attempt })));
});

test('harm that is no traffic must be possible free, and refused held', () => {
  const attempt = { step: 'x', free: /^ok$/, refused: /^EPERM$/ };
  assert.equal(judge(result({ attempt, seenFree: 0, run: noRows })), undefined);
  assert.throws(() => judge(result({ attempt, held: 'ok' })));
  assert.match(judge(result({ attempt, free: 'ENOENT' })) ?? '', /control.*ENOENT/);
});

test('what the probe says of its way stands beside the row, not for it', () => {
  const { record, ...rest } = refused;
  assert.ok('row' in record);
  const attempt: Refused = { ...rest, record: { ...record, said: /^EPERM$/ } };
  assert.equal(judge(result({ attempt })), undefined);
  assert.throws(() => judge(result({ attempt, held: 'ok' })));
  assert.throws(() => judge(result({ attempt, run: noRows })), /no row/);
});

test('an older kernel may refuse it before ours, in those words alone', () => {
  const { record, ...rest } = refused;
  assert.ok('row' in record);
  const attempt: Refused = { ...rest, record: { ...record, earlier: 'option: EPERM' } };
  const early = { attempt, held: 'option: EPERM', run: noRows };
  assert.equal(judge(result(early)), undefined);
  assert.throws(() => judge(result({ ...early, seenHeld: 1 })), /it got through/);
  assert.throws(() => judge(result({ ...early, held: 'option: EINVAL' })), /no row/);
  assert.equal(judge(result({ attempt })), undefined);
});
