import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import { liveLine, ruleText, table } from './present.ts';

const plain = { colour: false };

const blocked: EgressEvent = {
  version: 1,
  id: null,
  time: '2026-01-02T03:04:05.000Z',
  last_seen: '2026-01-02T03:04:05.000Z',
  action: 'block',
  target: '0123456789ab',
  namespace: null,
  pod: null,
  container: null,
  project_id: '4711',
  job_name: 'install',
  job_url: null,
  pid: 77,
  comm: 'node',
  parent_comm: 'sh',
  exe: '/usr/bin/node',
  argv: 'node x.js',
  uid: 0,
  ancestry: [
    { pid: 70, comm: 'npm ci' },
    { pid: 76, comm: 'sh' },
  ],
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
const refusedName = { ...blocked, domain: 'evil.example', ip: null, port: null, protocol: null };

test('a line says what, where to, who, and which rule', () => {
  assert.equal(
    liveLine(blocked, plain),
    'torwacht: blocked 192.0.2.1:8000 for node[77], started by npm ci > sh (default: no rule allows it)',
  );
  assert.match(liveLine(refusedName, plain), /blocked evil\.example for node\[77\]/);
  const observed = { ...blocked, action: 'observe' as const, domain: 'evil.example' };
  assert.match(liveLine(observed, plain), /would block evil\.example \(192\.0\.2\.1:8000\) for/);
});

test('an IPv6 address keeps its port apart; a protocol without ports shows none', () => {
  assert.match(
    liveLine({ ...blocked, ip: '2001:db8::1' }, plain),
    /blocked \[2001:db8::1\]:8000 for/,
  );
  assert.match(liveLine({ ...blocked, port: null }, plain), /blocked 192\.0\.2\.1 for/);
});

test('a row for all destinations of a process says so', () => {
  const rest = { ...blocked, ip: null, port: null, count: 1904 };
  assert.match(liveLine(rest, plain), /blocked other destinations for node\[77\]/);
});

test('a process that is not known is said to be one', () => {
  const unknown = { ...blocked, comm: null, pid: null, ancestry: [] };
  assert.match(liveLine(unknown, plain), /for a process \(default/);
});

test('colour only where it is asked for', () => {
  assert.ok(!liveLine(blocked, plain).includes('\x1b'));
  assert.ok(liveLine(blocked, { colour: true }).includes('\x1b[31mblocked\x1b[0m'));
});

test('the rule: the one that denied, or in words what no rule of a policy decided', () => {
  const of = (changes: Partial<EgressEvent>) => ruleText({ ...blocked, ...changes });
  const named = { policy: 'default/x', rule: 'EgressPolicy default/x deny[0]' };
  assert.equal(of({}), 'default: no rule allows it');
  assert.equal(of({ ...named, reason: 'deny-rule' }), 'EgressPolicy default/x deny[0]');
  assert.equal(of({ reason: 'ipv6' }), 'always: IPv6');
  assert.equal(of({ reason: 'none', rule: 'default' }), 'default');
});

test('a rule that allows is not shown as if it had refused', () => {
  const named = { policy: 'default/x', rule: 'EgressPolicy default/x allow[0]' };
  const of = (reason: EgressEvent['reason']) => ruleText({ ...blocked, ...named, reason });
  assert.equal(of('private-answer'), 'EgressPolicy default/x allow[0]: answer points inside');
  assert.equal(of('metadata'), 'always: cloud metadata');
  assert.equal(of('dns-budget'), 'always: too many DNS queries');
});

test('the table has a header, columns that align, and a dash for what is not known', () => {
  assert.equal(table([], plain), '');
  const lines = table([blocked, { ...refusedName, job_name: null, count: 12 }], plain).split('\n');
  assert.deepEqual(lines, [
    'job_name  comm  parent_comm  ancestry     action  domain        ip         port  count  rule',
    'install   node  sh           npm ci > sh  block   -             192.0.2.1  8000  1      default: no rule allows it',
    '-         node  sh           npm ci > sh  block   evil.example  -          -     12     default: no rule allows it',
    '',
  ]);
});

test('names that someone chose make no line, column, colour or order of their own', () => {
  const job = 'x\ntorwacht: blocked y\u001b[31m\u202e';
  const hostile = { ...blocked, job_name: job, comm: 'node  sh  x', domain: 'a.b for npm[1].test' };
  const [, row = '', ...rest] = table([hostile], plain).split('\n');
  assert.deepEqual(rest, ['']);
  assert.match(
    row,
    /^x\\u\{a\}torwacht: blocked y\\u\{1b\}\[31m\\u\{202e\} {2}node\\x20\\x20sh\\x20\\x20x {2}sh /,
  );
  assert.match(liveLine(hostile, plain), /blocked a\.b\\x20for\\x20npm\[1\]\.test \(/);
});

test('a table of all rows that a target may have takes no time', { timeout: 60_000 }, () => {
  const events = Array.from({ length: 20_000 }, (_, port) => ({ ...blocked, port }));
  assert.equal(table(events, plain).split('\n').length, events.length + 2);
});
