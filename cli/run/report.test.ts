import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EgressEvent, egressEventSchema } from '#api/event.ts';
import { Report, type Summary } from './report.ts';

const event: EgressEvent = {
  version: 1,
  id: null,
  time: '2026-01-02T03:04:05.000Z',
  last_seen: '2026-01-02T03:04:06.000Z',
  action: 'block',
  target: '0123456789ab',
  namespace: null,
  pod: null,
  container: null,
  project_id: null,
  job_name: null,
  job_url: null,
  pid: 77,
  comm: 'node',
  parent_comm: 'sh',
  exe: null,
  argv: null,
  uid: 0,
  ancestry: [],
  domain: null,
  ip: '192.0.2.1',
  port: 8000,
  protocol: 'tcp',
  count: 1,
  added: null,
  rule: 'default',
  policy: null,
  reason: 'default',
};
const quiet: Summary = { rows: [], overflow: 0, eventsLost: 0 };

function report(json: boolean) {
  const told: string[] = [];
  const written: string[] = [];
  const made = new Report({
    json,
    style: { colour: false },
    tell: (text) => told.push(text),
    file: { write: (text) => written.push(text) },
  });
  const events = (texts: string[]) =>
    texts
      .join('')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => egressEventSchema.parse(JSON.parse(line)).count);
  return { report: made, told, written, events };
}

test('for people: a line at once, a table at the end', () => {
  const { report: made, told } = report(false);
  made.row(event);
  assert.match(told.join(''), /^torwacht: blocked 192\.0\.2\.1:8000 .*\n$/);
  made.end({ ...quiet, rows: [{ ...event, count: 3 }] });
  assert.match(told.join(''), /\n\njob_name .*\n.* 8000 {2}3 .*\n$/);
});

test('what was allowed is for programs alone', () => {
  const allowed = { ...event, action: 'allow', reason: 'name', count: 2 } as const;
  const people = report(false);
  people.report.row({ ...allowed, count: 1 });
  people.report.end({ ...quiet, rows: [allowed] });
  assert.deepEqual(people.told, []);
  assert.deepEqual(people.events(people.written), [1, 2]);
  const programs = report(true);
  programs.report.row({ ...allowed, count: 1 });
  programs.report.end({ ...quiet, rows: [allowed] });
  assert.deepEqual(programs.events(programs.told), [1, 2]);
});

test('nothing happened: nothing is told', () => {
  const { report: made, told, written } = report(false);
  made.end(quiet);
  assert.deepEqual([...told, ...written], []);
});

test('for programs: each line is an event; a row that grew is told again with its count', () => {
  const { report: made, told, events } = report(true);
  made.row(event);
  made.row({ ...event, port: 1 });
  made.end({
    ...quiet,
    rows: [
      { ...event, count: 3 },
      { ...event, port: 1 },
    ],
  });
  assert.deepEqual(events(told), [1, 1, 3]);
});

test('the file gets the events in either case', () => {
  for (const json of [true, false]) {
    const { report: made, written, events } = report(json);
    made.row(event);
    made.end({ ...quiet, rows: [{ ...event, count: 2 }] });
    assert.deepEqual(events(written), [1, 2]);
  }
});

test('what has no row of its own is counted, and lost events are told', () => {
  const { report: made, told } = report(false);
  made.end({ ...quiet, overflow: 12, eventsLost: 4 });
  assert.match(told.join(''), /and 12 more attempts/);
  assert.match(told.join(''), /4 rows were told late/);
});

test('JSON lines are ASCII, and what they say is what was there', () => {
  const { report: made, told } = report(true);
  const name = 'bau \u202e\u0085\ud83d\ude00 \u00fc';
  made.row({ ...event, job_name: name });
  assert.match(told.join(''), /^[ -~]+\n$/);
  assert.equal(egressEventSchema.parse(JSON.parse(told.join(''))).job_name, name);
});
